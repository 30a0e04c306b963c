/** Puts a process's report together. */
import { hostname } from 'node:os';
import { type ServiceReport, upstreamViewSchema } from '@cc-executor/fleet';
import type { RedisView } from '@cc-executor/redis';
import { describeSystem, version } from '@cc-executor/runtime';
import type { Health } from './health.ts';

export type SelfReport = { id: string; describe(): Promise<ServiceReport> };

/**
 * `look` and `lookUpstream` never reject. The id is that of the same process restarted in a container, too: its
 * host name and process number stay.
 */
export function createSelfReport({
  role,
  health,
  everyMs,
  settings,
  look,
  lookUpstream,
  lookJobs,
  lookConnections,
}: {
  role: string;
  health: Health;
  everyMs: number;
  settings: ServiceReport['settings'];
  look: () => Promise<RedisView>;
  /** What `upstreamView` does not know of its answer is dropped. */
  lookUpstream?: () => Promise<object>;
  lookJobs?: () => NonNullable<ServiceReport['jobs']>;
  lookConnections?: () => number;
}): SelfReport {
  const id = `${role}-${hostname()}-${process.pid}`;
  return {
    id,
    async describe() {
      const [{ body }, redis, claudeApi] = await Promise.all([health.ready(), look(), lookUpstream?.()]);
      const checks = Object.entries(body.checks).map(([name, { ok, detail, latencyMs }]) => [
        name,
        { ok, detail, latencyMs },
      ]);
      return {
        id,
        role,
        version,
        at: Date.now() + (redis.clockOffsetMs ?? 0),
        everyMs,
        status: body.status,
        checks: Object.fromEntries(checks) as ServiceReport['checks'],
        system: describeSystem(),
        redis,
        ...(claudeApi === undefined ? {} : { claudeApi: upstreamViewSchema.parse(claudeApi) }),
        ...(lookJobs === undefined ? {} : { jobs: lookJobs() }),
        ...(lookConnections === undefined ? {} : { connections: lookConnections() }),
        settings,
      };
    },
  };
}
