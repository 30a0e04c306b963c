import { createMemoryJobLog, createMemoryUsageBlock, needs } from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisSweep } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { describeIdempotency, RETENTION_MS } from './suite/idempotency-suite.ts';
import { newJob, TENANT, type Twin } from './suite/twin.ts';

describe('an idempotency key in memory', () => {
  let now = 1_795_468_090_093;
  const twin: Twin = {
    ...createMemoryJobLog({ now: () => now, retentionMs: RETENTION_MS }),
    usageBlock: createMemoryUsageBlock({ now: () => now }),
    async pass(ms) {
      now += ms;
    },
    async createdTogether() {
      // Its clock stands still by itself.
    },
    close: async () => undefined,
  };
  describeIdempotency(() => twin);
});

describe.concurrent('an idempotency key in Redis', () => {
  let twin: RedisTwin;
  beforeAll(async () => {
    twin = await openRedisTwin({ retentionMs: RETENTION_MS });
  });
  afterAll(() => twin.close());
  describeIdempotency(() => twin);

  it('is kept for as long as its job may live, by whoever sweeps', async () => {
    const sweep = createRedisSweep({ ...twin, retentionMs: RETENTION_MS });
    const job = newJob();
    const reservation = await twin.log.reserve(TENANT, job.jobId, job.jobId, 'hash');
    const key = twin.keys.idempotency(TENANT, reservation.keyHash);
    await twin.log.createReserved(job, reservation);
    for (const status of ['queued', 'running']) {
      if (status === 'running') await twin.log.begin(job.jobId, 60_000, 'worker-1');
      await twin.redis.pexpire(key, 1_000);
      await sweep.settle(job.jobId, { at: await twin.now() });
      expect(await twin.redis.pttl(key)).toBeGreaterThan(RETENTION_MS + 48 * 60 * 60_000 - 10_000);
    }
  });

  it('of an older version, which knew no time, stands for its job while there is one', async () => {
    const key = createKeyName();
    const { jobId, keyHash } = await twin.log.reserve(TENANT, key, newJob().jobId, 'hash');
    await twin.redis.set(twin.keys.idempotency(TENANT, keyHash), `${jobId} hash`);
    await twin.log.create(newJob({ jobId }));
    const other = newJob().jobId;
    expect(await twin.log.reserve(TENANT, key, other, 'hash')).toMatchObject({ jobId });
    await twin.redis.del(twin.keys.record(jobId));
    expect(await twin.log.reserve(TENANT, key, other, 'hash')).toMatchObject({ jobId: other });
  });
});

describe.concurrent('an idempotency key in a Redis Cluster', () => {
  let opening: Promise<RedisTwin> | undefined;
  let twin: RedisTwin;
  beforeEach(needs('cluster'));
  beforeEach(async () => {
    opening ??= openRedisTwin({ cluster: true, retentionMs: RETENTION_MS });
    twin = await opening;
  });
  afterAll(async () => (await opening)?.close());
  describeIdempotency(() => twin);
});

function createKeyName(): string {
  return `key-${newJob().jobId}`;
}
