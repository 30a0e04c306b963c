/** What the counters of ended jobs say of the last minutes and days. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import { DAY_MS, dateOf, MINUTE_MS, minuteOf } from './calendar.ts';
import type { Keys } from './keys.ts';
import type { Counters } from './tally.ts';

export type JobCounts = {
  /** Those of the last minutes, the one that goes on among them, in which jobs ended, the oldest first. */
  minutes(now: number, count: number): Promise<{ at: number; counters: Counters }[]>;
  /** The same of days. */
  days(now: number, count: number): Promise<{ date: string; counters: Counters }[]>;
};

export function createRedisCounts({ redis, keys }: { redis: RedisConnection; keys: Keys }): JobCounts {
  async function read<K extends object>(
    wanted: (K & { key: string })[],
  ): Promise<(K & { counters: Counters })[]> {
    const found = await tellErrorsApart(Promise.all(wanted.map(({ key }) => redis.hgetall(key))));
    return wanted.flatMap(({ key: _, ...named }, i) => {
      const counters = Object.entries(found[i] ?? {}).map(([name, count]) => [name, Number(count)]);
      return counters.length === 0
        ? []
        : [{ ...(named as unknown as K), counters: Object.fromEntries(counters) }];
    });
  }

  const last = (count: number) => Array.from({ length: count }, (_, i) => count - 1 - i);
  return {
    minutes: (now, count) =>
      read(
        last(count).map((ago) => {
          const at = minuteOf(now) - ago * MINUTE_MS;
          return { at, key: keys.minute(at) };
        }),
      ),
    days: (now, count) =>
      read(
        last(count).map((ago) => {
          const date = dateOf(now - ago * DAY_MS);
          return { date, key: keys.day(date) };
        }),
      ),
  };
}
