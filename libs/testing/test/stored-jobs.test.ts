import { closeRedis, openRedis } from '@cc-executor/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLeftovers, readStoredJobs, startTestRedis, type TestRedis, uniquePrefix } from '../src/index.ts';

describe('what Redis holds at the end', () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.close());

  it('is read key by key, and what should be gone is named', async () => {
    const prefix = uniquePrefix();
    const keys = {
      record: (jobId: string) => `${prefix}:{${jobId}}:record`,
      log: (jobId: string) => `${prefix}:{${jobId}}:log`,
      due: `${prefix}:{due}`,
    };
    const { admin } = server;
    expect(await readLeftovers(admin, keys, prefix)).toEqual({
      ...{ keysWithoutExpiry: [], queueEntries: [], dueJobs: [], subscriptions: [] },
    });
    await admin.hset(keys.record('job_1'), 'status', 'completed', 'seq', '2');
    await admin.rpush(keys.log('job_1'), '{"seq":1}', '{"seq":2}');
    await admin.pexpire(keys.log('job_1'), 60_000);
    await admin.lpush(`{${prefix}:queue}:jobs:active`, 'job_1');
    await admin.zadd(`{${prefix}:queue}:jobs:delayed`, 1, 'job_2');
    await admin.zadd(`{${prefix}:queue}:jobs:completed`, 1, 'job_3');
    await admin.zadd(keys.due, 5, 'job_2');
    const subscriber = openRedis(server.url, { name: 'test', role: 'subscriber', onError: () => {} });
    await subscriber.subscribe(`${prefix}:{job_1}:events`, `${prefix}:control`);
    expect(await readLeftovers(admin, keys, prefix)).toEqual({
      keysWithoutExpiry: [keys.record('job_1')],
      queueEntries: ['job_1', 'job_2'],
      dueJobs: ['job_2'],
      subscriptions: [`${prefix}:{job_1}:events`],
    });
    expect(await readStoredJobs(admin, keys, ['job_1', 'job_2'])).toEqual([
      { jobId: 'job_1', record: { status: 'completed', seq: '2' }, log: ['{"seq":1}', '{"seq":2}'] },
      { jobId: 'job_2', log: [] },
    ]);
    await closeRedis(subscriber);
  });
});
