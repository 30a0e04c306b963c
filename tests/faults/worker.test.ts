/** Worker × fault × moment. Each test is a cell of the matrix in docs/reliability.md. */
import { describeViolations } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';

let faults: FaultStack;
afterEach(() => faults.close());

test('worker · SIGKILL · d: a job whose worker dies mid-stream ends as worker_lost for everybody', async () => {
  faults = await startFaultStack({ gateways: 2 });
  const [one, other] = [await faults.client(0), await faults.client(1)];
  const { prompt } = faults.plan({ chunks: 400 });
  const jobId = await one.execute({ prompt });
  await other.attach(jobId);
  await one.wire.until((message) => message.params?.type === 'output');
  const over = faults.recorder.fault('worker SIGKILL');
  faults.stack.workers[0]?.kill('SIGKILL');
  await faults.stack.workers[0]?.exited;
  over();
  const [first, second] = await Promise.all([one.terminal(jobId), other.terminal(jobId)]);
  expect(first).toMatchObject({
    type: 'failed',
    error: { code: 'worker_lost', retrySafe: false },
    partial: true,
  });
  expect(second).toEqual(first);
  await faults.startWorker();
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
});
