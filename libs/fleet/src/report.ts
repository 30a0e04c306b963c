/**
 * What a gateway or a worker says of itself and of those it talks to. It travels through Redis and GET /services, and
 * is read by versions older and newer than the writer's: unknown members are dropped. Nothing in it is secret.
 */
import { z } from 'zod';

const durability = z.object({
  state: z.enum(['kept', 'faulty', 'unknown']),
  faults: z.array(z.string()),
  unchecked: z.array(z.string()),
});

const software = z.object({
  name: z.string(),
  version: z.string(),
  os: z.string().optional(),
  executable: z.string().optional(),
  configFile: z.string().optional(),
});

const system = z.object({
  host: z.string(),
  pid: z.number(),
  node: z.string(),
  time: z.number(),
  memory: z.object({ freeBytes: z.number(), totalBytes: z.number() }),
  disk: z.object({ path: z.string(), freeBytes: z.number(), totalBytes: z.number() }).optional(),
});

/** As `RedisView` of libs/redis, of which it is what travels. */
const redisView = z.object({
  address: z.string(),
  ok: z.boolean(),
  code: z.string().optional(),
  detail: z.string().optional(),
  servers: z
    .array(
      z.object({
        host: z.string(),
        port: z.number(),
        nameCode: z.string().optional(),
        addresses: z.array(
          z.object({ address: z.string(), code: z.string().optional(), latencyMs: z.number() }),
        ),
      }),
    )
    .optional(),
  latencyMs: z.number().optional(),
  clockOffsetMs: z.number().optional(),
  durability: durability.optional(),
  memory: z.object({ usedBytes: z.number(), maxBytes: z.number() }).optional(),
  software: software.optional(),
});

/** What stands at one address of claude-api. */
const upstreamAddress = z.object({
  address: z.string(),
  latencyMs: z.number(),
  /** Why there is no answer: the system's code, CONNECT_TIMEOUT, or HTTP when it speaks something else. */
  code: z.string().optional(),
  /** Of GET /ready, or of GET /health where there is no other. */
  statusCode: z.number().optional(),
  /** Of its body; absent when something else than claude-api answered, or one of the prototype. */
  service: z.string().optional(),
  version: z.string().optional(),
  status: z.string().optional(),
  detail: z.string().optional(),
  engine: z.string().optional(),
  /** How many executions run, are paused, and may run. */
  load: z.object({ running: z.number(), paused: z.number(), limit: z.number() }).optional().catch(undefined),
  /** Foreign: what is not of our form is dropped. */
  system: system.optional().catch(undefined),
});

export const upstreamViewSchema = z.object({
  /** Without credentials. */
  url: z.string(),
  /** The system's code when the name does not resolve. */
  nameCode: z.string().optional(),
  addresses: z.array(upstreamAddress),
});

export const serviceReportSchema = z.object({
  id: z.string(),
  role: z.string(),
  version: z.string(),
  /** When it was written down, in Redis's time; and how often that happens. */
  at: z.number(),
  everyMs: z.number(),
  status: z.enum(['ok', 'unavailable', 'draining']),
  checks: z.record(
    z.string(),
    z.object({ ok: z.boolean(), detail: z.string().optional(), latencyMs: z.number() }),
  ),
  system,
  redis: redisView,
  claudeApi: upstreamViewSchema.optional(),
  /** Of a gateway: how many connections it has. */
  connections: z.number().optional(),
  /** Of a worker: the jobs in its slots, and those that wait and hold none. */
  jobs: z.object({ running: z.number(), waiting: z.number() }).optional(),
  /** Settings that must be the same everywhere, or that explain what is seen. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

/** The answer to GET /services. */
export const servicesAnswerSchema = z.object({
  /** Redis's time when it was made, as the gateway knows it. */
  now: z.number(),
  /** The gateway that answers, at this moment. */
  self: serviceReportSchema,
  /** Everyone who wrote down a report in the last minutes; absent when Redis could not be asked. */
  services: z.array(serviceReportSchema).optional(),
  queue: z
    .object({
      waiting: z.number(),
      active: z.number(),
      delayed: z.number().optional(),
      oldestWaitingMs: z.number().optional(),
    })
    .optional(),
  /**
   * The usage limits that keep jobs from the model, those of one family of models or all, or that one job is to try when
   * `resetsAt` has passed. `credential` names a tenant's own.
   */
  usageLimits: z
    .array(
      z.object({
        resetsAt: z.number(),
        limit: z.string().optional(),
        model: z.string().optional(),
        credential: z.string().optional(),
      }),
    )
    .optional(),
});

/** A report this much older than it should be is stale, in ms. */
const STALE_SLACK_MS = 2_000;

/** Whether its process is dead, stands still or cannot reach Redis. `now` is Redis's time. */
export function isStale({ at, everyMs }: Pick<ServiceReport, 'at' | 'everyMs'>, now: number): boolean {
  return now - at > 2.5 * everyMs + STALE_SLACK_MS;
}

export type UpstreamAddress = z.infer<typeof upstreamAddress>;
export type ServiceReport = z.infer<typeof serviceReportSchema>;
export type ServicesAnswer = z.infer<typeof servicesAnswerSchema>;
