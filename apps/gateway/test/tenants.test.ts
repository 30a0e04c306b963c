/** A job of another tenant is answered for like one that is not there, whatever is asked about it. */
import { createEpoch, createJobId, type Method, methods } from '@cc-executor/protocol';
import type { WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { completed, provideRig, type Rig, takeJob, untilTrue } from './harness.ts';

let rig: Rig;

provideRig((made) => {
  rig = made;
});

const STRANGER = 'stranger';

async function createForeignJob(onDisconnect: 'cancel' | 'continue' = 'continue'): Promise<string> {
  const jobId = createJobId();
  await rig.log.create({
    jobId,
    epoch: createEpoch(),
    tenant: STRANGER,
    spec: { prompt: 'a secret', onDisconnect },
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'safe',
  });
  return jobId;
}

const methodsOfOneJob = (Object.keys(methods) as Method[]).filter(
  (method) => 'jobId' in methods[method].params.shape,
);

async function answers(client: WireClient, jobId: string): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const method of methodsOfOneJob) {
    const { result, error } = await client.request(method, { jobId });
    all[method] = result ?? error;
  }
  return all;
}

test.each(['queued', 'running', 'completed'])('%s', async (status) => {
  const client = await rig.connect(await rig.gateway());
  const jobId = await createForeignJob();
  if (status !== 'queued') {
    const attempt = await takeJob(rig.log, jobId);
    if (status === 'completed') await attempt.end(completed);
  }
  const before = await rig.log.get(STRANGER, jobId);
  expect(before?.job.status).toBe(status);
  const asked = await answers(client, jobId);
  expect(asked).toEqual(await answers(client, createJobId()));
  expect(Object.keys(asked)).toEqual(expect.arrayContaining(['attach', 'cancel', 'pause', 'get', 'verify']));
  expect((await client.request('list')).result.jobs).toEqual([]);
  expect(await rig.log.get(STRANGER, jobId)).toEqual(before);
  expect(await rig.countListeners(jobId)).toBe(0);
});

test('whoever asks for it cannot keep it from being abandoned', async () => {
  const gateway = await rig.gateway({ abandonGraceMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await createForeignJob('cancel');
  gateway.abandonWatch.suspect({ tenant: STRANGER, jobId });
  const { error } = await client.request('attach', { jobId });
  expect(error.data.code).toBe('job_not_found');
  await untilTrue(async () => (await rig.log.get(STRANGER, jobId))?.job.status === 'cancelled');
});
