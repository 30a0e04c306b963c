/** Each setting that is a number, of each app, with odd values: it stays a whole number, and so does what Redis is told. */
import { closeRedis, openRedis } from '@cc-executor/redis';
import { startTestRedis, uniquePrefix } from '@cc-executor/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { settings as claudeApi } from '../apps/claude-api/src/config.ts';
import { settings as up } from '../apps/cli/src/up/settings.ts';
import { settings as dashboard } from '../apps/dashboard/src/config.ts';
import { settings as gateway } from '../apps/gateway/src/config.ts';
import { settings as worker } from '../apps/worker/src/config.ts';
import { lockTimes } from '../libs/queue/src/consumer.ts';
import { startConsumer } from '../libs/queue/src/index.ts';
import { expectationOf, type Setting, type Settings } from '../libs/runtime/src/setting.ts';

const apps: Record<string, Settings> = { 'claude-api': claudeApi, worker, gateway, dashboard, up };
const numbers = Object.entries(apps).flatMap(([app, settings]) =>
  Object.values(settings)
    .filter(({ schema }) => /^a (duration|size|whole number|port number)/.test(expectationOf(schema)))
    .map((definition) => [app, definition.env, definition] as const),
);
const ODD = [0, 1, 2, 3, 7, 51, 101, 299, 301, 1_009, 9_973, 10_000, 10_007, 65_535, 299_993, 86_399_999];
/** Texts whose value is none, or half of one, before it is rounded. */
const BROKEN_DURATIONS = ['0.3335s', '333.3ms', '1.00007m', '0.1h', '10s'];

const accepts = ({ schema }: Setting, text: string) => schema.safeParse(text).success;

/** The last number on the way from one that is accepted to one that is not, or the far end itself. */
function findBound(definition: Setting, from: number, to: number): number {
  if (accepts(definition, String(to))) return to;
  let [inside, outside] = [from, to];
  while (Math.abs(outside - inside) > 1) {
    const middle = Math.trunc((inside + outside) / 2);
    if (accepts(definition, String(middle))) inside = middle;
    else outside = middle;
  }
  return inside;
}

/** What the setting makes of every odd text that it accepts: its least, its most, their neighbours, primes, fractions. */
function oddValues(definition: Setting): unknown[] {
  const start = Number(definition.default);
  const [least, most] = [findBound(definition, start, 0), findBound(definition, start, 2 ** 52)];
  const isDuration = expectationOf(definition.schema).startsWith('a duration');
  const texts = [...ODD, start, start + 1, least, least + 1, most - 1, most].map(String);
  return [...texts, ...(isDuration ? BROKEN_DURATIONS : [])]
    .filter((text) => accepts(definition, text))
    .map((text) => definition.schema.parse(text));
}

test.each(numbers)('%s: %s is a whole number, whatever it is told', (_app, _name, definition) => {
  const values = oddValues(definition);
  expect(values.length).toBeGreaterThan(4);
  expect(values.filter((value) => !Number.isSafeInteger(value))).toEqual([]);
});

describe('what BullMQ is told of a lock', () => {
  const leases = oddValues(worker.leaseMs) as number[];

  test.each(leases)('is whole for a lease of %d ms', (leaseMs) => {
    const times = Object.values(lockTimes(2 * leaseMs));
    expect(times.filter((ms) => !Number.isSafeInteger(ms) || ms <= 0)).toEqual([]);
  });

  test('lets a consumer look for lost entries', async () => {
    const server = await startTestRedis();
    onTestFinished(() => server.close());
    const faults: Error[] = [];
    const onError = (error: Error) => void faults.push(error);
    await Promise.all(
      [301, 10_000, 9_973].map(async (leaseMs) => {
        const keyPrefix = uniquePrefix();
        const redis = openRedis(server.url, { name: 'test', role: 'patient', onError });
        const process = async () => ({ status: 'completed' });
        const options = { redis, keyPrefix, concurrency: 1, maxWaiting: 0, process, onError };
        const consumer = startConsumer({ ...options, lockMs: 2 * leaseMs });
        // The mark of a look, which lasts as long as the time to the next one.
        const mark = () => server.admin.exists(`{${keyPrefix}:queue}:jobs:stalled-check`);
        await expect
          .poll(async () => faults.length > 0 || (await mark()) === 1, { timeout: 10_000 })
          .toBe(true);
        await consumer.close();
        await closeRedis(redis);
      }),
    );
    expect(faults).toEqual([]);
  });
});
