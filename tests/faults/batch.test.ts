/** A batch and the death of its gateway, while it is submitted and while it runs. */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchJob, BatchResult } from '@cc-executor/protocol';
import { describeViolations, needs } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { shareFaultStack } from './shared-stack.ts';

const LINES = 1_000;
/** Counts are a second old at most. */
const LOOK_MS = 250;
const stack = shareFaultStack(() => startFaultStack({ direct: true, env: { WORKER_CONCURRENCY: '20' } }));

const apiOf = (faults: FaultStack) => `http://127.0.0.1:${faults.stack.gateways[0]?.ready.port}/v1`;

function submit(faults: FaultStack, body: string) {
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'the-batch' };
  const sending = request(`${apiOf(faults)}/batches`, { method: 'POST', headers, agent: false });
  const answer = new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    sending.on('error', reject);
    sending.on('response', async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      resolve({ status: response.statusCode, text });
    });
  });
  sending.write(body);
  return { answer, end: () => sending.end() };
}

async function killGateway(faults: FaultStack): Promise<void> {
  const over = faults.recorder.fault('gateway SIGKILL');
  const [gateway] = faults.stack.gateways;
  gateway?.kill('SIGKILL');
  await gateway?.exited;
  await faults.revive();
  over();
}

test('a batch of 1,000 lines whose gateway is killed while it comes, and while it runs, has one result a line', async (context) => {
  await needs('throughput')(context);
  const faults = stack();
  const plans = Array.from({ length: LINES }, () => faults.plan({ chunks: 1, paceMs: 0 }));
  const lines = plans.map(({ prompt }) => `${JSON.stringify({ prompt })}\n`);
  const part = submit(faults, lines.slice(0, 600).join(''));
  const broken = expect(part.answer).rejects.toThrow();
  await faults.upstream.untilCalls(100);
  await killGateway(faults);
  await broken;

  const whole = submit(faults, lines.join(''));
  whole.end();
  const { status, text } = await whole.answer;
  const batch = JSON.parse(text) as { batchId: string; jobs: BatchJob[] };
  expect([status, batch.jobs.length]).toEqual([201, LINES]);
  await faults.upstream.untilCalls(700);
  await killGateway(faults);

  const of = `${apiOf(faults)}/batches/${batch.batchId}`;
  await faults.upstream.untilCalls(LINES);
  await faults.upstream.untilIdle();
  while ((await (await fetch(of)).json()).status !== 'ended') await sleep(LOOK_MS);
  const results = (await (await fetch(`${of}/results`)).text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as BatchResult);
  expect(results.map(({ line }) => line)).toEqual(lines.map((_, i) => i + 1));
  expect(results.map(({ jobId }) => jobId)).toEqual(batch.jobs.map(({ jobId }) => jobId));
  const calls = Map.groupBy(faults.upstream.calls(), ({ jobId }) => jobId);
  expect(calls.size).toBe(LINES);
  for (const [i, { jobId = '', terminal }] of results.entries()) {
    expect(terminal).toMatchObject({
      type: 'completed',
      text: expect.stringContaining(plans[i]?.plan.nonce ?? ''),
    });
    expect(calls.get(jobId)).toHaveLength(1);
    const epoch = terminal?.epoch ?? '';
    faults.recorder.acknowledged({ jobId, epoch, created: true, gateway: 'gateway-0', retry: 'safe' });
  }
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
});
