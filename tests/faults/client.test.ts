/** Client × what its connection does × moment. Each test is a row's cells in docs/reliability.md. */
import {
  describeViolations,
  type FaultProxy,
  type LogLine,
  planPrompt,
  startFaultProxy,
} from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  askUnanswered,
  finishUndelivered,
  resumeElsewhere,
  setScene,
  setSceneFor,
  startTwoGateways,
} from './gateway-scene.ts';
import { type FaultStack, HEARTBEAT_MS } from './harness.ts';
import { untilOutput } from './moments.ts';
import { openRecordingClient, type RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';
import { openStreamingClient, type StreamingClient } from './streaming-client.ts';

// A flood keeps a worker from its lease for seconds where the machine is busy; no test here waits for one.
const stack = shareFaultStack(() => startTwoGateways({ env: { JOB_LEASE_MS: '6000' } }));
let faults: FaultStack;
let wire: FaultProxy;
let reached: number;
/** Clients that the first gateway had let go of before the test. */
let dismissedBefore: number;
const opened: { close(): void }[] = [];
beforeEach(async () => {
  faults = stack();
  dismissedBefore = faults.stack.gateways[0]?.logs().filter(isDismissal).length ?? 0;
  await reach(0);
});
afterEach(async () => {
  for (const client of opened.splice(0)) client.close();
  await wire.close();
});

/** From now on, clients come to this gateway. */
async function reach(gateway: number): Promise<void> {
  await wire?.close();
  reached = gateway;
  wire = await startFaultProxy({ target: { port: Number(faults.stack.gateways[gateway]?.ready.port) } });
}

const isDismissal = ({ reason }: LogLine) => reason === 'heartbeat_missed';

/** A client of the gateway that is reached through the proxy. */
async function openClient(): Promise<RecordingClient> {
  const client = await openRecordingClient(wire.url('ws', '/ws'), `gateway-${reached}`, faults.recorder);
  opened.push(client);
  return client;
}

/** Clients of the HTTP door: of the gateway that is reached through the proxy, and of the second one. */
function openStreams(): StreamingClient {
  return openedStreams(wire.url('http', '/v1'), reached);
}
function openStreamsElsewhere(gateway = 1): StreamingClient {
  const api = new URL('/v1', faults.stack.url(gateway).replace('ws:', 'http:'));
  return openedStreams(api.href, gateway);
}
function openedStreams(api: string, gateway: number): StreamingClient {
  const client = openStreamingClient(api, `gateway-${gateway}`, faults.recorder);
  opened.push(client);
  return client;
}

async function expectNoViolations(options: Parameters<FaultStack['check']>[0] = {}): Promise<void> {
  const { violations } = await faults.check(options);
  expect(describeViolations(violations)).toBe('');
}

/** Resolves when the first gateway has let go of so many clients that did not answer its pings. */
async function untilDismissed(count: number): Promise<void> {
  let seen = 0;
  await faults.stack.gateways[0]?.untilLog((line) => {
    if (isDismissal(line)) seen += 1;
    return seen === dismissedBefore + count;
  });
}

test('client · reset · a b d f g: it goes on elsewhere, and gets the job whose acceptance it was not told of', async () => {
  const [client, late] = [await openClient(), await openClient()];
  const scene = await setScene(faults, { client });
  await wire.set({ toClient: { hold: true } });
  const unanswered = askUnanswered(faults, client);
  const attaching = late.attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  await finishUndelivered(faults, scene);
  expect(wire.cutAll('rst')).toBe(2);
  await expect(unanswered.answer).rejects.toThrow('the socket closed');
  await expect(attaching).rejects.toThrow('the socket closed');
  await resumeElsewhere(faults, scene, unanswered);
  await expectNoViolations();
});

test('client · reset · a b d f g: over HTTP its streams go on elsewhere, and its key brings the job it was not told of', async () => {
  const [client, late] = [openStreams(), openStreams()];
  const scene = await setSceneFor(client, faults);
  await wire.set({ toClient: { hold: true } });
  const unanswered = askUnanswered(faults, client);
  const attaching = late.attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  await finishUndelivered(faults, scene);
  wire.cutAll('rst');
  await expect(unanswered.answer).rejects.toThrow();
  await expect(attaching).rejects.toThrow();
  await resumeElsewhere(faults, scene, unanswered, openStreamsElsewhere());
  await expectNoViolations();
});

test('client · half-open · a b d f g: the gateway lets go of it, and it goes on elsewhere', async () => {
  const [client, late] = [await openClient(), await openClient()];
  const scene = await setScene(faults, { client });
  await wire.set({ toClient: { hold: true } });
  const unanswered = askUnanswered(faults, client);
  const attaching = late.attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  await finishUndelivered(faults, scene);
  await wire.set({ toClient: { hold: true, swallow: true }, toTarget: { swallow: true } });
  const silentFrom = Date.now();
  await untilDismissed(2);
  expect(Date.now() - silentFrom).toBeLessThan(5 * HEARTBEAT_MS);
  client.close();
  late.close();
  await resumeElsewhere(faults, scene, unanswered);
  await expectNoViolations();
});

test('client · half-open · d: a job that asked for it is cancelled once its only listener is found to be gone', async () => {
  const client = await openClient();
  const { prompt } = faults.plan({ chunks: 1_000, paceMs: 10 });
  const jobId = await client.execute({ prompt, onDisconnect: 'cancel' });
  await untilOutput(client, jobId);
  await wire.set({ toClient: { swallow: true }, toTarget: { swallow: true } });
  await untilDismissed(1);
  client.close();
  await faults.upstream.untilIdle();
  const next = await faults.client(1);
  await next.attach(jobId);
  expect(await next.terminal(jobId)).toMatchObject({ type: 'cancelled', by: 'disconnect', partial: true });
  await expectNoViolations();
});

test('client · stops reading · a b d f g: for a while, and everything is there when it reads on', async () => {
  const client = await openClient();
  const scene = await setScene(faults, { client, streamChunks: 25 });
  const late = await openClient();
  for (const { socket } of [client.wire, late.wire]) socket.pause();
  const { answer } = askUnanswered(faults, client);
  const attaching = late.attach(scene.jobs.streaming);
  await finishUndelivered(faults, scene);
  for (const { socket } of [client.wire, late.wire]) socket.resume();
  await attaching;
  for (const jobId of [...Object.values(scene.jobs), await answer]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  expect(await late.terminal(scene.jobs.streaming)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('client · stops reading · a b d f g: over HTTP for a while, and everything is there when it reads on', async () => {
  const client = openStreams();
  const scene = await setSceneFor(client, faults, { streamChunks: 25 });
  const late = openStreams();
  client.pause();
  const { answer } = askUnanswered(faults, client);
  await late.attach(scene.jobs.streaming);
  late.pause();
  await finishUndelivered(faults, scene);
  client.resume();
  late.resume();
  for (const jobId of [...Object.values(scene.jobs), await answer]) {
    expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  }
  expect(await late.terminal(scene.jobs.streaming)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

test('client · stops reading · a b d f g: for too long, and it is let go with a code that says to come back', async () => {
  const client = await openClient();
  const scene = await setScene(faults, { client });
  client.wire.socket.pause();
  const unanswered = askUnanswered(faults, client);
  await finishUndelivered(faults, scene);
  await untilDismissed(1);
  client.wire.socket.resume();
  expect(await client.wire.closed).toEqual({ code: 4002, reason: 'heartbeat_missed' });
  await resumeElsewhere(faults, scene, unanswered);
  await expectNoViolations();
});

test('client · reconnects elsewhere · a b d f g: at once, without a word to the gateway it leaves', async () => {
  const [client, late] = [await openClient(), await openClient()];
  const scene = await setScene(faults, { client });
  await wire.set({ toClient: { hold: true } });
  await finishUndelivered(faults, scene);
  const unanswered = askUnanswered(faults, client);
  const attaching = late.attach(scene.jobs.streaming);
  attaching.catch(() => undefined);
  client.close();
  late.close();
  await resumeElsewhere(faults, scene, unanswered);
  await expectNoViolations();
});

test('client · reconnects elsewhere · d: thirty times from gateway to gateway, and sees each event once', async () => {
  // More than thirty hops take, on a slow machine too: the last one cancels it.
  const { prompt } = faults.plan({ chunks: 3_000, paceMs: 10 });
  let client = await faults.client(0);
  const jobId = await client.execute({ prompt });
  const seqs: number[] = [];
  for (let hop = 1; hop <= 30; hop += 1) {
    await client.wire.until(() => client.wire.events(jobId).length >= 5);
    seqs.push(...client.wire.events(jobId).map(({ seq }) => seq));
    client.close();
    await client.wire.closed;
    client = await faults.client(hop % 2);
    await client.attach(jobId, seqs.at(-1));
  }
  await client.cancel(jobId);
  expect(await client.terminal(jobId)).toMatchObject({ type: 'cancelled' });
  seqs.push(...client.wire.events(jobId).map(({ seq }) => seq));
  expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  await expectNoViolations();
});

test('client · reconnects elsewhere · d: over HTTP thirty times, with Last-Event-ID, and sees each event once', async () => {
  // As above: to who has seen the end there is no stream.
  const { prompt } = faults.plan({ chunks: 3_000, paceMs: 10 });
  let client = openStreamsElsewhere(0);
  const jobId = await client.execute({ prompt });
  const seqs: number[] = [];
  const seen = () => client.wire.events(jobId).map(({ seq }) => seq);
  for (let hop = 1; hop <= 30; hop += 1) {
    await client.wire.until(() => seen().length >= 5);
    client.close();
    seqs.push(...seen());
    client = openStreamsElsewhere(hop % 2);
    await client.attach(jobId, seqs.at(-1));
  }
  await (await faults.client(0)).cancel(jobId);
  expect(await client.terminal(jobId)).toMatchObject({ type: 'cancelled' });
  seqs.push(...seen());
  expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  await expectNoViolations();
});

test('client · stops reading · d: more output than all buffers hold is read from the log when it reads on', async () => {
  // Others let go of a client that does not answer its pings, also of one whose process has 14 MB to read; and its log is long: last
  // of all.
  await faults.startGateway({ GATEWAY_HEARTBEAT_MS: '5000' });
  const patient = faults.stack.gateways.length - 1;
  await reach(patient);
  const [client, witness] = [await openClient(), await faults.client(patient)];
  // 14 MB; of these the gateway keeps 1 MB, and the sockets a few.
  const prompt = planPrompt({ nonce: 'x'.repeat(4_000), chunks: 3_500, paceMs: 0, ends: ['complete'] });
  const jobId = await client.execute({ prompt });
  await witness.attach(jobId);
  client.wire.socket.pause();
  await witness.terminal(jobId);
  expect(wire.counters().bytesToClient).toBeLessThan(7_000_000);
  client.wire.socket.resume();
  expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  // Who reads 14 MB has the end of them when that is done.
  await expectNoViolations({ terminalMs: 30_000 });
});
