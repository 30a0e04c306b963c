/** A worker that stands still for ever keeps its connection open, and stops nothing. */
import { createClient } from '@cc-executor/client';
import { type ServiceProcess, startStack } from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';

test('the execution of a worker that is frozen for ever ends when the time that its job had is over', async () => {
  const stack = await startStack({ env: { JOB_LEASE_MS: '1000', GATEWAY_SWEEP_MS: '100' } });
  onTestFinished(() => stack.close().then(() => undefined));
  const client = createClient({ url: stack.url() });
  onTestFinished(() => client.close());
  const job = await client.execute({
    prompt: 'demo:{"text":"so far ","repeat":1,"hang":true}',
    timeouts: { totalMs: 2_000 },
  });
  for await (const event of job.events()) if (event.type === 'output') break;
  stack.workers[0]?.kill('SIGSTOP');
  expect(await job.done()).toMatchObject({ type: 'failed', error: { code: 'worker_lost' }, partial: true });
  const claudeApi = stack.claudeApi as ServiceProcess;
  const ended = await claudeApi.untilLog(({ event }) => event === 'execution_ended');
  expect(ended).toMatchObject({ status: 'timeout', executionId: `${job.jobId}-1-1` });
  // Its limit, and the slack: not the half hour that is claude-api's own limit.
  expect(ended.durationMs).toBeLessThan(15_000);
});
