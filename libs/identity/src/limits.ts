/**
 * What a tenant, or a key, may hold, spend and ask for. Of what is not named there is no limit but that of everybody. The names of
 * ceilings are the paths of the parameters of `execute` that they bound.
 */
import { z } from 'zod';

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const amount = z.number().nonnegative().max(1_000_000_000);
const names = z.array(z.string().min(1).max(256)).min(1).max(100);

const quotas = {
  /** Unfinished jobs at once: those that wait, run, are paused, or wait for a usage limit. */
  jobs: count.optional(),
  /** Of what they ask for. */
  bytes: count.optional(),
  /** What the events of jobs take in Redis, those of ended ones too until they are gone, in bytes. */
  output: count.optional(),
  /** Jobs that are listened to at once. */
  attachments: count.optional(),
  /** Requests that are being answered at once. */
  requests: count.optional(),
  /** What requests of a minute may cost, at all gateways together: most cost 1, those that read much, more. */
  costPerMinute: count.optional(),
  /** Budgets, in UTC: reserved when a job is accepted, settled when it ends. */
  usdPerDay: amount.optional(),
  usdPerMonth: amount.optional(),
  tokensPerDay: count.optional(),
  tokensPerMonth: count.optional(),
  /** What a job may take of the two, each time that it is begun: reserved in place of what nobody knows before. */
  tokensPerJob: count.min(1).optional(),
  /** Jobs that workers may have at once; of a tenant alone, as what follows. */
  running: count.min(1).optional(),
};

const shares = {
  /** Its part of the turns where tenants wait for workers, beside the 1 of others. */
  weight: z.number().min(0.01).max(1_000).optional(),
};

const ceilings = {
  'timeouts.queueMs': count.optional(),
  'timeouts.firstOutputMs': count.optional(),
  'timeouts.idleMs': count.optional(),
  'timeouts.totalMs': count.optional(),
  'timeouts.pausedMs': count.optional(),
  maxAttempts: count.min(1).optional(),
  /** As in nice: the most urgent. */
  priority: count.optional(),
  maxTurns: count.min(1).optional(),
  maxBudgetUsd: amount.optional(),
  /** Of all that `model` and `fallbackModel` may name; the first stands for jobs that name none. */
  models: names.optional(),
  /** Of all that `allowedTools` may name; they stand for jobs that name none. */
  tools: names.optional(),
  /** Variables that `env` may set. */
  env: z.array(z.string().min(1).max(128)).max(100).optional(),
};

export const limitsSchema = z.strictObject({ ...quotas, ...shares, ...ceilings });

/** A key has no line of its own. */
export const keyLimitsSchema = limitsSchema.omit({ running: true, weight: true });

export type Limits = z.infer<typeof limitsSchema>;
export type QuotaName = keyof typeof quotas;

export const limitNames = Object.keys(limitsSchema.shape) as readonly (keyof Limits)[];

/** Of an identity: what its tenant and, apart from that, it itself may do. */
export type Terms = { tenant: Limits; key?: Limits | undefined };
