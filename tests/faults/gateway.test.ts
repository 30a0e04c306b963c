/**
 * Gateway × its death, its stopping, or its subscriber's socket killed × moment: pub/sub is at most once, and nobody may
 * notice. Each test is a row's cells in docs/reliability.md.
 */
import { DEFAULT_KEY_PREFIX } from '@cc-executor/job-log';
import { openQueue } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { commandContains, describeViolations, type ServiceProcess } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  askUnanswered,
  finishUndelivered,
  resumeElsewhere,
  setScene,
  startTwoGateways,
} from './gateway-scene.ts';
import { type FaultStack, HEARTBEAT_MS, LEASE_MS } from './harness.ts';
import { completeUpstream, untilOutput } from './moments.ts';
import { shareFaultStack } from './shared-stack.ts';

const stack = shareFaultStack(startTwoGateways);
let faults: FaultStack;
let droppedBefore: number;
beforeEach(() => {
  faults = stack();
  droppedBefore = faults.proxies.gatewayRedis.counters().droppedReplies;
});
afterEach(() => faults.proxies.gatewayRedis.reset());

function firstGateway(): ServiceProcess {
  return faults.stack.gateways[0] as ServiceProcess;
}

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

/** Kills the first gateway when Redis has executed a command, and before the gateway has the reply. */
async function killAfterDroppedReply(): Promise<void> {
  const { gatewayRedis } = faults.proxies;
  await gatewayRedis.until(({ droppedReplies }) => droppedReplies > droppedBefore);
  // Before it can ask again.
  const cutOff = gatewayRedis.set({ refuse: 'reset' });
  gatewayRedis.cutAll('rst');
  firstGateway().kill('SIGKILL');
  await Promise.all([cutOff, firstGateway().exited]);
}

/** The promise is 5 s; a worker has to take it, too. */
const ENQUEUED_WITHIN_MS = 6_000;
const RECORD_WRITTEN = ['eval', '"type":"queued"'];
/** The id as an argument: a connection's first call of any script of the queue holds its text, which speaks of a `job_id`. */
const ENQUEUED = ['eval', '\r\njob_', '{cce:queue}:jobs:wait'];

for (const [name, texts] of [
  ['the record is written', RECORD_WRITTEN],
  ['the queue entry is written', ENQUEUED],
] as const) {
  test(`gateway · SIGKILL · a: once ${name}, the same execute at another gateway gives the same job, run once`, async () => {
    const client = await faults.client(0);
    await faults.proxies.gatewayRedis.set({ dropReply: { matches: commandContains(...texts) } });
    const over = faults.recorder.fault('gateway SIGKILL');
    const { params, answer } = askUnanswered(faults, client);
    await killAfterDroppedReply();
    over();
    await expect(answer).rejects.toThrow();
    const next = await faults.client(1);
    const jobId = await next.execute(params);
    expect(await next.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
    const { history } = await faults.check();
    const ofJob = (facts: { jobId: string }[]) => facts.filter((fact) => fact.jobId === jobId);
    expect(ofJob(history.acknowledged)).toMatchObject([{ created: false }]);
    expect(ofJob(history.calls)).toHaveLength(1);
    await expectNoViolations();
  });
}

/** The connection broke between a record and its queue entry: as if that had never come. */
async function loseEntry(jobId: string): Promise<void> {
  const onError = () => undefined;
  const redis = openRedis(faults.redis.url, { name: 'test', role: 'patient', onError });
  const queue = openQueue({ redis, keyPrefix: DEFAULT_KEY_PREFIX, onError });
  expect(await queue.remove(jobId)).toBe(1);
  await queue.close();
  await closeRedis(redis);
}

test('gateway · SIGKILL · a: a job whose record was written is enqueued by another gateway, though nobody asks again', async () => {
  const [worker] = faults.stack.workers;
  worker?.kill('SIGSTOP');
  const client = await faults.client(0);
  await faults.proxies.gatewayRedis.set({ dropReply: { matches: commandContains(...RECORD_WRITTEN) } });
  const over = faults.recorder.fault('gateway SIGKILL');
  askUnanswered(faults, client);
  await killAfterDroppedReply();
  over();
  const next = await faults.client(1);
  const { result } = await next.wire.request('list', { status: 'queued' });
  expect(result.jobs).toMatchObject([{ status: 'queued' }]);
  const { jobId } = result.jobs[0];
  await loseEntry(jobId);
  worker?.kill('SIGCONT');
  await next.attach(jobId);
  expect(await next.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
  const [queued, started] = next.wire.events(jobId);
  expect((started?.time ?? 0) - (queued?.time ?? 0)).toBeLessThan(ENQUEUED_WITHIN_MS);
  await expectNoViolations();
});

test('gateway · SIGKILL · b d f g: its clients go on elsewhere, from where they stood', async () => {
  const scene = await setScene(faults);
  const over = faults.recorder.fault('gateway SIGKILL');
  await faults.proxies.gatewayRedis.set({ toClient: { hold: true } });
  const unanswered = askUnanswered(faults, scene.client);
  await finishUndelivered(faults, scene);
  const attaching = (await faults.client(0)).attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  firstGateway().kill('SIGKILL');
  await expect(attaching).rejects.toThrow('the socket closed');
  await expect(unanswered.answer).rejects.toThrow('the socket closed');
  over();
  await resumeElsewhere(faults, scene, unanswered);
  await expectNoViolations();
});

test('gateway · SIGTERM · a b d f g: it says so, closes with a code that says to come back, and its clients go on elsewhere', async () => {
  const scene = await setScene(faults);
  const over = faults.recorder.fault('gateway SIGTERM, its Redis held');
  await faults.proxies.gatewayRedis.set({ toClient: { hold: true } });
  const unanswered = askUnanswered(faults, scene.client);
  await finishUndelivered(faults, scene);
  const late = await faults.client(0);
  const attaching = late.attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  firstGateway().kill('SIGTERM');
  await scene.client.wire.until(({ method }) => method === 'goaway');
  await late.wire.until(({ method }) => method === 'goaway');
  const refused = await late.wire.request('execute', { prompt: faults.plan().prompt });
  expect(refused.error.data).toMatchObject({ code: 'draining', retryable: true });
  expect(await scene.client.wire.closed).toEqual({ code: 4000, reason: 'going_away' });
  expect(await late.wire.closed).toEqual({ code: 4000, reason: 'going_away' });
  await expect(attaching).rejects.toThrow('the socket closed');
  await resumeElsewhere(faults, scene, unanswered);
  await faults.proxies.gatewayRedis.reset();
  expect(await firstGateway().exited).toEqual({ code: 0, signal: null });
  over();
  await expectNoViolations();
});

test('gateway · stopped for four leases · a b d f g: others notice nothing, and its clients get the rest when it goes on', async () => {
  // Longer than the fault: a sweeper that wakes up must not end what it takes for lapsed.
  const scene = await setScene(faults, { streamChunks: 350 });
  const { client, jobs, witness } = scene;
  const late = await faults.client(0);
  const over = faults.recorder.fault('gateway SIGSTOP');
  firstGateway().kill('SIGSTOP');
  const { answer } = askUnanswered(faults, client);
  const attaching = late.attach(jobs.streaming);
  await finishUndelivered(faults, scene);
  await witness.attach(jobs.streaming);
  await new Promise((resolve) => setTimeout(resolve, 4 * LEASE_MS));
  firstGateway().kill('SIGCONT');
  over();
  await attaching;
  const accepted = await answer;
  for (const jobId of [...Object.values(jobs), accepted]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
  }
  expect(await late.terminal(jobs.streaming)).toEqual(await witness.terminal(jobs.streaming));
  await expectNoViolations();
});

/** For reading the log, and a machine that is busy. */
const SLACK_MS = 400;

async function killSubscribers(): Promise<void> {
  await faults.redis.killClients('subscribers');
}

test('gateway · subscriber socket killed · a b d f g: as long as it is away heartbeats bring what was published, and what waits for it goes on afterwards', async () => {
  const { client, jobs } = await setScene(faults, { streamChunks: 150 });
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
