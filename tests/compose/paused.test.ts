/**
 * Containers that are paused: every job gets its one terminal event, and the doctor names the
 * pair that cannot talk.
 */
import { afterEach, expect, test } from 'vitest';
import { untilDiagnosed } from './support/doctor.ts';
import { expectCompleted, startJob } from './support/jobs.ts';
import { connect, restore, useStack } from './support/stack.ts';

const stack = useStack();
afterEach(() => restore(stack()));

/** Long enough for what is done to it. */
const LONG_MS = 5_000;

test('a worker, past its lease: its job ends as lost, and it works again afterwards', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await stack().compose('pause', 'worker');
  expect(await job.ended).toMatchObject({ type: 'failed', error: { code: 'worker_lost' } });
  await untilDiagnosed(stack(), 'gateway', /^worker-.* → redis$/);
  await stack().compose('unpause', 'worker');
  await expectCompleted(client, await startJob(client));
});

const pairs = [
  ['claude-api', 'gateway', /^worker-.* → claude-api$/],
  ['gateway', 'host', /^client → gateway$/],
  ['redis', 'gateway', /^gateway .*→ redis$/],
  ['balancer', 'host', /^client → gateway$/],
] as const;

test.each(pairs)(
  '%s, until the doctor in the %s names it: the job completes',
  async (service, from, pair) => {
    const client = connect(stack());
    const job = await startJob(client, { lastsMs: LONG_MS });
    await job.untilOutput;
    await stack().compose('pause', service);
    await untilDiagnosed(stack(), from, pair);
    await stack().compose('unpause', service);
    await expectCompleted(client, job);
  },
);
