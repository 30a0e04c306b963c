/**
 * The reports in Redis: one hash, a field for each process. A process that stops takes its own out; one that died or
 * was cut off is shown with its last report for `FORGET_MS`, so that it can be missed.
 */
import { defineScript, type RedisConnection } from '@cc-executor/redis';
import { type ServiceReport, serviceReportSchema } from './report.ts';

export type Registry = {
  write(report: ServiceReport): Promise<void>;
  remove(id: string): Promise<void>;
  /** Everyone, oldest names first; those not heard of for `FORGET_MS` are taken out. `now` is Redis's time. */
  list(now: number): Promise<ServiceReport[]>;
};

/** How long a process that no longer reports is remembered, in ms. */
export const FORGET_MS = 5 * 60_000;

/** KEYS 1 reports; ARGV 1 id, 2 report, 3 how long all are kept (ms). */
const WRITE = `redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return { redis.call('PEXPIRE', KEYS[1], ARGV[3]) }`;

export function createRegistry({
  redis,
  keyPrefix,
}: {
  redis: RedisConnection;
  keyPrefix: string;
}): Registry {
  const key = `${keyPrefix}:{services}`;
  // Also when Redis is full: who cannot report looks dead.
  const set = defineScript(redis, { name: 'fleet:write', numberOfKeys: 1, lua: WRITE, whenFull: true });
  return {
    async write(report) {
      await set([key], [report.id, JSON.stringify(report), FORGET_MS]);
    },
    async remove(id) {
      await redis.hdel(key, id);
    },
    async list(now) {
      const entries = Object.entries(await redis.hgetall(key));
      const read = entries.map(([id, text]) => ({ id, report: parse(text) }));
      // What a newer version wrote and this one cannot read is left alone: its writer takes it out.
      const old = read.filter(({ report }) => report !== undefined && now - report.at > FORGET_MS);
      if (old.length > 0) await redis.hdel(key, ...old.map(({ id }) => id));
      return read
        .flatMap(({ report }) => (report === undefined || now - report.at > FORGET_MS ? [] : [report]))
        .sort((a, b) => a.role.localeCompare(b.role) || a.id.localeCompare(b.id));
    },
  };
}

function parse(text: string): ServiceReport | undefined {
  try {
    return serviceReportSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not written by us.
    return undefined;
  }
}
