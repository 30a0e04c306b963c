/**
 * Containers that are cut off from a network or started late: every job gets its one terminal event, and the doctor names the
 * pair that cannot talk.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { docker } from './support/docker.ts';
import { untilDiagnosed } from './support/doctor.ts';
import { expectCompleted, startJob } from './support/jobs.ts';
import { connect, restore, useStack } from './support/stack.ts';

const stack = useStack();
/** Who is cut off from which network. */
const cutOff = new Map<string, string>();

afterEach(async () => {
  // A test that failed in between has left it so, and nothing would heal that.
  for (const [service, name] of cutOff) await network('connect', name, service);
  await restore(stack());
});

/** Long enough for what is done to it. */
const LONG_MS = 5_000;

async function network(action: 'connect' | 'disconnect', name: string, service: string): Promise<void> {
  const aliases = action === 'connect' ? ['--alias', service] : [];
  const { id } = await stack().container(service);
  await docker(['network', action, ...aliases, `${stack().name}_${name}`, id]);
  if (action === 'disconnect') cutOff.set(service, name);
  else cutOff.delete(service);
}

describe('cut off from the network', () => {
  test('a worker from Redis: its job ends as lost, and it works again when it is back', async () => {
    const client = connect(stack());
    const job = await startJob(client, { lastsMs: LONG_MS });
    await job.untilOutput;
    await network('disconnect', 'data', 'worker');
    expect(await job.ended).toMatchObject({ type: 'failed', error: { code: 'worker_lost' } });
    await untilDiagnosed(stack(), 'worker', /^worker .*→ redis$/);
    await network('connect', 'data', 'worker');
    await expectCompleted(client, await startJob(client));
  });

  test('a worker from claude-api: its job falls silent and ends at its limit, the next one waits', async () => {
    const client = connect(stack());
    const job = await startJob(client, { lastsMs: LONG_MS, timeouts: { idleMs: 3_000 } });
    await job.untilOutput;
    await network('disconnect', 'upstream', 'worker');
    expect(await job.ended).toMatchObject({ type: 'timed_out', limit: 'idle' });
    await untilDiagnosed(stack(), 'gateway', /^worker-.* → claude-api$/);
    const waiting = await startJob(client);
    await network('connect', 'upstream', 'worker');
    await expectCompleted(client, waiting);
  });

  test('a gateway from Redis: its clients miss nothing', async () => {
    const client = connect(stack());
    const job = await startJob(client, { lastsMs: LONG_MS });
    await job.untilOutput;
    await network('disconnect', 'data', 'gateway');
    await untilDiagnosed(stack(), 'gateway', /^gateway .*→ redis$/);
    await network('connect', 'data', 'gateway');
    await expectCompleted(client, job);
  });
});

describe('started late', () => {
  test('claude-api, after everything else: jobs that came before it complete', async () => {
    const client = connect(stack());
    await stack().compose('rm', '--stop', '--force', 'claude-api');
    await stack().compose('restart', 'worker');
    const jobs = await Promise.all(Array.from({ length: 3 }, () => startJob(client)));
    await stack().compose('up', '--detach', '--wait', 'claude-api');
    for (const job of jobs) await expectCompleted(client, job);
  });

  test('a new Redis container on the old volume: what ended can be read, what ran goes on', async () => {
    const client = connect(stack());
    const ended = await startJob(client);
    await expectCompleted(client, ended);
    const running = await startJob(client, { lastsMs: LONG_MS });
    await running.untilOutput;
    await stack().compose('rm', '--stop', '--force', 'redis');
    await stack().compose('up', '--detach', '--wait', 'redis');
    await expectCompleted(client, running);
    await expectCompleted(client, ended);
  });
});
