/** Redis × wiped × moment: nothing can be had back, so everybody is told, and nothing runs on. */
import { commandContains, describeViolations } from '@cc-executor/testing';
import { beforeEach, expect, test } from 'vitest';
import { type OutageStack, startOutageStack, untilDone, untilLogged } from './all-moments.ts';
import { expectAsWithoutFault } from './fault-free.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const stack = shareFaultStack(startOutageStack);
let faults: OutageStack;
beforeEach(() => {
  faults = stack();
});

function wipe(): Promise<unknown> {
  return faults.redis.admin.flushall();
}

function untilLost({ wire }: RecordingClient, jobId: string) {
  return wire.until(({ method, params }) => method === 'job_lost' && params.jobId === jobId);
}

test('redis · wiped · b c d e f: attached clients get job_lost, upstream is stopped, and new jobs run', async () => {
  const { upstream, lateRedis } = faults;
  const [client, late] = [await faults.client(0), await faults.client(1)];
  const undelivered = await untilDone(() =>
    late.execute({ prompt: faults.plan({ paceMs: 0, ends: ['pause'] }).prompt }),
  );
  await late.wire.until((message) => message.params?.type === 'output');
  await lateRedis.set({ toClient: { hold: true } });
  upstream.release();
  await untilLogged(faults, undelivered, 'job_ended');
  const execute = (parts: Parameters<typeof faults.plan>[0]) =>
    untilDone(() => client.execute({ prompt: faults.plan(parts).prompt }));
  const claimed = await execute({ chunks: 1, paceMs: 20_000 });
  const streaming = [await execute({ chunks: 1_000 }), await execute({ chunks: 1_000 })];
  const finishing = await execute({ paceMs: 0, ends: ['pause'] });
  await Promise.all([...streaming, finishing].map((jobId) => upstream.untilOutput(jobId)));
  await upstream.untilCalls(5);
  const queued = await execute({});

  const over = faults.recorder.fault('Redis wiped', { losesData: 'all' });
  await wipe();
  over();
  upstream.release();
  lateRedis.cutAll('rst');
  await lateRedis.reset();
  await Promise.all([claimed, ...streaming, finishing, queued].map((jobId) => untilLost(client, jobId)));
  await untilLost(late, undelivered);
  await upstream.untilIdle();
  const endings = upstream.calls().map(({ jobId, endedBy }) => [jobId, endedBy]);
  expect(Object.fromEntries(endings)).toEqual({
    ...{ [undelivered]: 'complete', [finishing]: 'complete', [claimed]: 'client-abort' },
    ...Object.fromEntries(streaming.map((jobId) => [jobId, 'client-abort'])),
  });

  const { prompt } = faults.plan();
  const next = await client.execute({ prompt });
  expect(await client.terminal(next)).toMatchObject({ type: 'completed' });
  await expectAsWithoutFault(faults, next, prompt);
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
});

test('redis · wiped · a g: a job that was lost before its execute was answered is not found, and never run', async () => {
  const { proxies, upstream } = faults;
  const client = await faults.client(0);
  const droppedBefore = proxies.gatewayRedis.counters().droppedReplies;
  await client.terminal(await untilDone(() => client.execute({ prompt: faults.plan().prompt })));
  const over = faults.recorder.fault('Redis wiped', { losesData: 'all' });
  // The queue entry was made, its reply is lost, and there is no way back before Redis is empty.
  await proxies.gatewayRedis.set({
    dropReply: { matches: commandContains('evalsha', 'job_', '{cce:queue}:jobs:wait') },
    refuse: 'reset',
  });
  // Nor does a worker come to it before.
  await proxies.workerRedis.set({ toTarget: { hold: true } });
  const answered = client.execute({ prompt: faults.plan().prompt, attach: false });
  await proxies.gatewayRedis.until(({ droppedReplies }) => droppedReplies > droppedBefore);
  await wipe();
  await Promise.all([proxies.gatewayRedis.reset(), proxies.workerRedis.reset()]);
  const jobId = await answered;
  // The answer came after the fault, and is of a job that was there before it.
  over();
  await expect(untilDone(() => client.attach(jobId))).rejects.toMatchObject({ code: 'job_not_found' });
  await untilLogged(faults, jobId, 'nothing_to_do');
  expect(upstream.calls().filter((call) => call.jobId === jobId)).toEqual([]);
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
});
