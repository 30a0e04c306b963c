/**
 * What a gateway and a worker have in common, besides what every service has: they work on one Redis, mind whether it
 * keeps what it acknowledges, and tell the fleet how they are.
 */
import { createRegistry, type Registry, type ServiceReport } from '@cc-executor/fleet';
import { openRedis, type RedisConnection, type RedisRole } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger } from '@cc-executor/runtime';
import { guardDurability } from './durability-guard.ts';
import type { Check, Health } from './health.ts';
import { createRedisCheck } from './redis-check.ts';
import { type Reporter, startReporter } from './reporter.ts';
import { createSelfReport, type SelfReport } from './self-report.ts';

export type { SelfReport } from './self-report.ts';

type FleetConfig = {
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly strictDurability: boolean;
  readonly redisFullPercent: number;
  readonly reportMs: number;
  readonly leaseMs: number;
  readonly retentionMs: number;
};

export type FleetMember = {
  /** For commands. This one and those of `open` are closed by whoever joined. */
  redis: RedisConnection;
  open(role: RedisRole): RedisConnection;
  /** Told of what goes wrong with a connection; it warns now and then. */
  onRedisError(error: unknown): void;
  /** The readiness check `redis`. */
  check: Check;
  /** What this process tells of itself, besides its settings of `FleetConfig`. Nothing is written before `start`. */
  reports(options: {
    health: Health;
    settings?: ServiceReport['settings'];
    /** Never rejects. */
    lookUpstream?: () => Promise<object>;
    lookJobs?: () => NonNullable<ServiceReport['jobs']>;
    lookConnections?: () => number;
  }): Reports;
};

type Reports = { self: SelfReport; registry: Registry; start(): Reporter };

/**
 * Opens Redis for a gateway or a worker.
 *
 * @param options.role how commands are sent
 * @param options.signal aborted when the service is to stop
 * @throws ConfigError when durability is asked for, and Redis does not have it; the signal's reason
 */
export async function joinFleet(options: {
  app: string;
  role: RedisRole;
  config: FleetConfig;
  logger: Logger;
  signal: AbortSignal;
}): Promise<FleetMember> {
  const { app, config, logger, signal } = options;
  const { redisUrl: url, keyPrefix, leaseMs, retentionMs, redisFullPercent, reportMs } = config;
  const strict = config.strictDurability;
  const onRedisError = createRepeatedWarning(logger, 'redis connection');
  const open = (role: RedisRole) =>
    openRedis(url, { name: `cc-executor:${app}:${role}`, role, onError: onRedisError });
  const redis = open(options.role);
  await guardDurability({ redis, app, strict, logger, signal });
  const { check, look } = createRedisCheck({ redis, url, app, strict, fullPercent: redisFullPercent });
  return {
    redis,
    open,
    onRedisError,
    check,
    reports({ settings, ...seen }) {
      const registry = createRegistry({ redis, keyPrefix });
      const self = createSelfReport({
        role: app,
        everyMs: reportMs,
        settings: { leaseMs, retentionMs, redisFullPercent, keyPrefix, ...settings },
        look,
        ...seen,
      });
      const onError = createRepeatedWarning(logger, 'report not written');
      const start = () => startReporter({ registry, self, everyMs: reportMs, onError });
      return { self, registry, start };
    },
  };
}
