/** The stack of this worker, which the tests of its files share. */
import { type Client, createClient } from '@cc-executor/client';
import { beforeEach, inject, onTestFinished } from 'vitest';
import { docker } from './docker.ts';
import { openProject, type Project } from './project.ts';

/** Returns the stack; where there is none, every test of the file is skipped and says why. */
export function useStack(): () => Project {
  const stacks = inject('stacks');
  // Workers are numbered from 1, and run one file at a time.
  const stack = typeof stacks === 'string' ? stacks : stacks[Number(process.env.VITEST_POOL_ID) - 1]!;
  beforeEach(({ skip, onTestFailed }) => {
    if (typeof stack === 'string') return skip(stack);
    onTestFailed(async () => {
      const { compose } = openProject(stack);
      const states = await compose('ps', '--all');
      process.stderr.write(`${states}\n${await compose('logs', '--no-color', '--tail', '40')}\n`);
    });
  });
  return () => {
    if (typeof stack === 'string') throw new Error(stack);
    return openProject(stack);
  };
}

/** A client through the published port, closed when the test ends. */
export function connect(project: Project): Client {
  const client = createClient({ url: project.url(), reconnect: { attempts: 100, maxMs: 1_000 } });
  onTestFinished(() => client.close());
  return client;
}

/** One of each. */
export const SERVICES = [
  ...['balancer', 'claude-api', 'dashboard', 'egress', 'files', 'gateway', 'redis', 'worker'],
];

/** Undoes what a test did to its containers: all run, once for each service, are healthy, and a job completes. */
export async function restore(project: Project): Promise<void> {
  const endAt = Date.now() + 60_000;
  for (;;) {
    const containers = (await project.containers()).filter(({ service }) => SERVICES.includes(service));
    const paused = containers.filter(({ state }) => state === 'paused');
    if (paused.length > 0) await docker(['unpause', ...paused.map(({ id }) => id)]);
    // What was paused counts as that until it is asked again, which is not soon; what has just started is asked at once.
    const unwell = containers.filter(({ state, health }) => state === 'running' && health === 'unhealthy');
    if (unwell.length > 0) await docker(['restart', '--timeout', '1', ...unwell.map(({ id }) => id)]);
    const services = containers.map(({ service }) => service).sort();
    const isWhole =
      services.join() === SERVICES.join() && containers.every(({ state }) => state === 'running');
    const isWell = isWhole && containers.every(({ health }) => health === 'healthy');
    // Not all of a gateway's connections are back at once after an outage of Redis, of which its health says nothing yet.
    if (isWell && (await completesJob(project))) return;
    if (Date.now() > endAt) throw new Error(`not restored: ${JSON.stringify(containers)}`);
    // Compose gives up at once on a container that is unhealthy now; the next check may find it well.
    if (!isWhole) await project.up().catch(() => undefined);
    else await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function completesJob(project: Project): Promise<boolean> {
  const [method, headers, body] = ['POST', { 'content-type': 'application/json' }, '{"prompt": "restored"}'];
  const url = `http://127.0.0.1:${project.gatewayPort}/v1/jobs?wait=20`;
  const answer = await fetch(url, { method, headers, body }).catch(() => undefined);
  const { terminal } = answer?.ok ? ((await answer.json()) as { terminal?: { type: string } }) : {};
  return terminal?.type === 'completed';
}
