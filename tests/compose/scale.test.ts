/** Any number of replicas, changed under load. */
import { afterEach, expect, test, vi } from 'vitest';
import { expectCompleted, type Job, startJob } from './support/jobs.ts';
import type { Container, Project } from './support/project.ts';
import { connect, restore, useStack } from './support/stack.ts';

const stack = useStack();
afterEach(() => restore(stack()));

const JOBS = 100;
const JOB_MS = 1_000;

/** How many jobs each container of these services says that it served. */
async function countServed(project: Project, containers: readonly Container[]): Promise<number[]> {
  return Promise.all(
    containers.map(async (container) => {
      const lines = await project.logs(container);
      return lines.filter(({ msg }) => msg === 'job ended' || msg === 'execution ended').length;
    }),
  );
}

test('a hundred jobs complete while workers go 1 → 4 → 2 and claude-api 1 → 3 → 1, and every replica serves', async () => {
  const project = stack();
  const client = connect(project);
  const jobs: Job[] = [];
  const start = async (count: number) => {
    jobs.push(
      ...(await Promise.all(Array.from({ length: count }, () => startJob(client, { lastsMs: JOB_MS })))),
    );
  };

  await start(JOBS / 2);
  await jobs[0]!.untilOutput;
  await project.up({ worker: 4, 'claude-api': 3 });
  const replicas = [...(await project.containers('worker')), ...(await project.containers('claude-api'))];
  expect(replicas).toHaveLength(7);
  await start(JOBS / 2 - 10);
  await vi.waitFor(
    async () => expect(Math.min(...(await countServed(project, replicas)))).toBeGreaterThan(0),
    { timeout: 60_000, interval: 1_000 },
  );
  await start(10);
  await project.up({ worker: 2, 'claude-api': 1 });

  expect(jobs).toHaveLength(JOBS);
  for (const job of jobs) await expectCompleted(client, job);
});

test('a gateway that is scaled away hands its clients over, and their jobs go on', async () => {
  const project = stack();
  await project.up({ gateway: 3 });
  const clients = Array.from({ length: 9 }, () => connect(project));
  const jobs = await Promise.all(clients.map((client) => startJob(client, { lastsMs: 8_000 })));
  await Promise.all(jobs.map(({ untilOutput }) => untilOutput));
  const accepted = await Promise.all(
    (await project.containers('gateway')).map(async (container) => {
      const lines = await project.logs(container);
      return lines.filter(
        ({ msg, jobId }) => msg === 'job accepted' && jobs.some((job) => job.jobId === jobId),
      ).length;
    }),
  );
  expect(accepted).toEqual([3, 3, 3]);
  await project.up({ gateway: 1 });
  for (const [index, job] of jobs.entries()) await expectCompleted(clients[index]!, job);
});
