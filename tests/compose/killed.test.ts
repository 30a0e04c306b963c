/** Containers that are killed: every job gets its one terminal event, and the doctor names the pair that cannot talk. */
import { afterEach, expect, test } from 'vitest';
import { docker } from './support/docker.ts';
import { untilDiagnosed } from './support/doctor.ts';
import { expectCompleted, startJob } from './support/jobs.ts';
import { connect, restore, useStack } from './support/stack.ts';

const stack = useStack();
afterEach(() => restore(stack()));

/** Long enough for what is done to it. */
const LONG_MS = 5_000;

async function kill(service: string): Promise<void> {
  await docker(['kill', (await stack().container(service)).id]);
}

test('a worker: its job ends as lost, the next one is served by its successor', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await kill('worker');
  expect(await job.ended).toMatchObject({ type: 'failed', error: { code: 'worker_lost' } });
  await untilDiagnosed(stack(), 'gateway', /^worker-.* → redis$/);
  const waiting = await startJob(client);
  await stack().compose('start', 'worker');
  await expectCompleted(client, waiting);
});

test('claude-api: the job that ran there fails and says so, one that comes meanwhile waits', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await kill('claude-api');
  expect(await job.ended).toMatchObject({ type: 'failed', error: { code: 'upstream_cut' } });
  await untilDiagnosed(stack(), 'gateway', /^worker-.* → claude-api$/);
  const waiting = await startJob(client);
  await stack().compose('start', 'claude-api');
  await expectCompleted(client, waiting);
});

test('the only gateway: its clients come back and miss nothing', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await kill('gateway');
  await untilDiagnosed(stack(), 'host', /^client → gateway$/);
  await stack().compose('start', 'gateway');
  await expectCompleted(client, job);
});

test('the balancer: likewise', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await kill('balancer');
  await untilDiagnosed(stack(), 'host', /^client → gateway$/);
  await stack().compose('start', 'balancer');
  await expectCompleted(client, job);
});

test('Redis: the job goes on when it is back with its volume', async () => {
  const client = connect(stack());
  const job = await startJob(client, { lastsMs: LONG_MS });
  await job.untilOutput;
  await kill('redis');
  await untilDiagnosed(stack(), 'gateway', /^gateway .*→ redis$/);
  // A gateway that is not ready can be reached all the same; why it is not stays inside.
  await untilDiagnosed(stack(), 'host', /^client → gateway$/, /not ready/);
  await stack().compose('start', 'redis');
  await expectCompleted(client, job);
});

test('one of two of everything: every job ends, and what the dead did not hold completes', async () => {
  const project = stack();
  await project.up({ gateway: 2, worker: 2, 'claude-api': 2 });
  const clients = Array.from({ length: 6 }, () => connect(project));
  const jobs = await Promise.all(clients.map((client) => startJob(client, { lastsMs: LONG_MS })));
  await Promise.all(jobs.map(({ untilOutput }) => untilOutput));
  const doomed = await Promise.all(
    ['gateway', 'worker', 'claude-api'].map(async (service) => (await project.containers(service))[0]!.id),
  );
  await docker(['kill', ...doomed]);
  for (const job of jobs) {
    const end = await job.ended;
    if (end.type === 'completed') expect(job.text()).toBe(job.expected);
    else
      expect(end).toMatchObject({ error: { code: expect.stringMatching(/^(worker_lost|upstream_cut)$/) } });
  }
  for (const client of clients) await expectCompleted(client, await startJob(client));
});
