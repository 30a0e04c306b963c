/** How all of it is, for operators: what ended of late and what it cost, what waits, which services there are, and Redis. */
import { z } from 'zod';
import { terminalTypes } from './statuses.ts';

/** For how many minutes it can be asked: their counters are kept so long. */
const MAX_OVERVIEW_MINUTES = 24 * 60;

const count = z.number().int().nonnegative();
const time = z.number().int();
const ms = z.number().nonnegative();

export const overviewParamsSchema = z.strictObject({
  minutes: z.number().int().min(1).max(MAX_OVERVIEW_MINUTES).optional(),
});

const latencySchema = z.object({ jobs: count, p50Ms: ms, p95Ms: ms, p99Ms: ms });
/** Of `others` when there are more than are named. */
const spentSchema = z.object({ name: z.string(), costUsd: z.number(), tokens: count });

const serviceSchema = z.object({
  id: z.string(),
  role: z.string(),
  version: z.string(),
  host: z.string(),
  /** When it said so. */
  at: time,
  /** `silent`: it has not been heard of for longer than it should be. */
  status: z.enum(['ok', 'unavailable', 'draining', 'silent']),
  /** What is wrong, in words. */
  troubles: z.array(z.string()),
  /** Of a gateway. */
  connections: count.optional(),
  /** Of a worker, or of a claude-api: the jobs that run there, those that wait or are paused, and how many may run. */
  load: z.object({ running: count, waiting: count, limit: count }).optional(),
});

export const overviewResultSchema = z.object({
  now: time,
  /** Of the minutes that were asked for; their times are the beginnings of steps of `stepMs`. Steps in which nothing ended are left out. */
  stepMs: count,
  steps: z.array(
    z.object({ at: time, /** By status. */ jobs: z.record(z.string(), count), costUsd: z.number() }),
  ),
  /** `reason`: the failure's code, the limit, or who cancelled. */
  ended: z.array(z.object({ status: z.enum(terminalTypes), reason: z.string().optional(), jobs: count })),
  /** Of jobs that ended then, as near as a fifth; what no job is known to have had is missing. */
  latencies: z.object({
    /** From acceptance until a worker took it; from then until Claude Code was ready; until the first output; from acceptance to the end. */
    queue: latencySchema.optional(),
    start: latencySchema.optional(),
    firstOutput: latencySchema.optional(),
    duration: latencySchema.optional(),
  }),
  /** The last days (UTC) on which jobs ended, the newest first. */
  days: z.array(
    z.object({
      date: z.string(),
      jobs: count,
      costUsd: z.number(),
      tokens: count,
      models: z.array(spentSchema),
      tenants: z.array(spentSchema.extend({ jobs: count })),
    }),
  ),
  queue: z.object({ waiting: count, active: count, delayed: count, oldestWaitingMs: ms }),
  services: z.array(serviceSchema),
  redis: z.object({
    latencyMs: ms.optional(),
    version: z.string().optional(),
    /** Missing without a limit. */
    memory: z.object({ usedBytes: count, maxBytes: count }).optional(),
    durability: z.enum(['kept', 'faulty', 'unknown']),
    faults: z.array(z.string()),
  }),
  /** Which usage limits keep jobs from the model: all, or those of one family of models; in the past: one job is to try. `credential` names one that a tenant has of its own. */
  usageLimits: z.array(
    z.object({
      resetsAt: time,
      limit: z.string().optional(),
      model: z.string().optional(),
      credential: z.string().optional(),
    }),
  ),
});
