import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRedisTraceLog, type TraceLog } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, newJob, TENANT } from './suite/twin.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

let twin: RedisTwin;
let traceLog: TraceLog;
beforeAll(async () => {
  twin = await openRedisTwin();
  traceLog = createRedisTraceLog(twin);
});
afterAll(() => twin.close());

it('tells what a job has come to, and of what its client calls it a part', async () => {
  const { jobId } = newJob();
  expect(await traceLog.read(jobId)).toBeUndefined();
  await twin.log.create(newJob({ jobId, traceparent }));
  const createdAt = (await twin.log.get(TENANT, jobId))?.job.createdAt;
  const queued = { jobId, tenant: TENANT, traceparent, status: 'queued', createdAt };
  expect(await traceLog.read(jobId)).toEqual(queued);

  await twin.log.begin(jobId, 1_000, 'worker-1');
  const begun = await traceLog.read(jobId);
  expect(begun).toEqual({
    ...queued,
    status: 'running',
    startedAt: begun?.begunAt,
    begunAt: expect.any(Number),
  });

  const end = { jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false };
  await twin.log.append({ ...end, terminal: 'completed' });
  const endedAt = (await twin.log.get(TENANT, jobId))?.job.endedAt;
  expect(await traceLog.read(jobId)).toEqual({ ...begun, status: 'completed', endedAt });
});

it('finds nothing in the record of a job whose client calls it a part of nothing', async () => {
  const job = newJob();
  await twin.log.create(job);
  expect(await twin.redis.hget(twin.keys.record(job.jobId), 'traceparent')).toBeNull();
  expect(await traceLog.read(job.jobId)).not.toHaveProperty('traceparent');
});
