/** Gateway × its subscriber's socket killed × moment: pub/sub is at most once, and nobody may notice. */
import { describeViolations } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { askUnanswered, setScene, startTwoGateways } from './gateway-scene.ts';
import { HEARTBEAT_MS } from './harness.ts';
import { completeUpstream, untilOutput } from './moments.ts';
import { shareFaultStack } from './shared-stack.ts';

const stack = shareFaultStack(startTwoGateways);

/** For reading the log, and a machine that is busy. */
const SLACK_MS = 400;

async function killSubscribers(): Promise<void> {
  await stack().redis.killClients('subscribers');
}

async function expectNoViolations(): Promise<void> {
  const { violations } = await stack().check();
  expect(describeViolations(violations)).toBe('');
}

test('gateway · subscriber socket killed · a b d f g: as long as it is away heartbeats bring what was published, and what waits for it goes on afterwards', async () => {
  const faults = stack();
  const { client, jobs } = await setScene(faults, { streamChunks: 300 });
  const late = await faults.client(0);
  const over = faults.recorder.fault('subscriber killed and kept out');
  // Only new connections: the gateway's commands still get through.
  await faults.proxies.gatewayRedis.set({ refuse: 'reset' });
  await killSubscribers();
  const { answer } = askUnanswered(faults, client);
  const attaching = late.attach(jobs.streaming);
  await completeUpstream(faults, jobs.finishing);
  const ended = await client.terminal(jobs.finishing);
  expect(Date.now() - ended.time).toBeLessThan(HEARTBEAT_MS + SLACK_MS);
  const seen = client.wire.events(jobs.streaming).length;
  await client.wire.until(() => client.wire.events(jobs.streaming).length > seen);
  await faults.proxies.gatewayRedis.reset();
  over();
  await attaching;
  const accepted = await answer;
  for (const jobId of [...Object.values(jobs), accepted]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  expect(await late.terminal(jobs.streaming)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('gateway · subscriber socket killed · f: a terminal event whose publication was dropped arrives within one heartbeat', async () => {
  const faults = stack();
  const clients = await Promise.all(Array.from({ length: 20 }, () => faults.client()));
  const [first] = clients as [(typeof clients)[0]];
  const jobId = await first.execute({ prompt: faults.plan({ ends: ['pause'] }).prompt });
  for (const client of clients.slice(1)) await client.attach(jobId);
  await untilOutput(first, jobId);
  const over = faults.recorder.fault('subscriber killed and kept out');
  await faults.proxies.gatewayRedis.set({ refuse: 'reset' });
  await killSubscribers();
  expect(await faults.redis.channels()).not.toContain(`cce:{${jobId}}:events`);
  await completeUpstream(faults, jobId);
  const waits = await Promise.all(
    clients.map(async (client) => {
      const { time } = await client.terminal(jobId);
      return Date.now() - time;
    }),
  );
  // Those who share no tick of the heartbeat learn it at different times: nothing was published to them.
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(HEARTBEAT_MS / 4);
  expect(Math.max(...waits)).toBeLessThan(HEARTBEAT_MS + SLACK_MS);
  await faults.proxies.gatewayRedis.reset();
  over();
  await expectNoViolations();
});

test('gateway · subscriber socket killed · d: again and again while output flows, every listener sees all of it once', async () => {
  const faults = stack();
  const [one, other] = [await faults.client(0), await faults.client(1)];
  const jobId = await one.execute({ prompt: faults.plan({ chunks: 200, paceMs: 10 }).prompt });
  await other.attach(jobId);
  const over = faults.recorder.fault('subscribers killed');
  for (let seq = 10; seq <= 150; seq += 20) {
    await one.wire.until(() => one.wire.events(jobId).length >= seq);
    await killSubscribers();
  }
  over();
  expect(await one.terminal(jobId)).toMatchObject({ type: 'completed' });
  expect(await other.terminal(jobId)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});
