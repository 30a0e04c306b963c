/** Many clients: fifty at one job, a thousand cancels that race the finish, a thousand that attach around it. */
import { setTimeout } from 'node:timers/promises';
import { describeViolations, needs } from '@cc-executor/testing';
import { beforeEach, expect, test } from 'vitest';
import { createRandom } from '../chaos/random.ts';
import { type FaultStack, startFaultStack } from './harness.ts';
import { completeUpstream, untilOutput } from './moments.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

const SEED = 20_261_123;

const BUSY = { WORKER_CONCURRENCY: '20' };

const stack = shareFaultStack(() => startFaultStack({ gateways: 2, workers: 0, direct: true, env: BUSY }));
let faults: FaultStack;
beforeEach(() => {
  faults = stack();
});

/** As many as a test wants; the first test begins without. */
async function haveWorkers(count: number): Promise<void> {
  while (faults.stack.workers.length < count) await faults.startWorker();
}

/** Clients by turns at the first and at the second gateway. */
function openClients(count: number): Promise<RecordingClient[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => faults.client(i % 2)));
}

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

test('client · 50 attached · a b d f g: fifty clients of one job, ten at each moment, see the same bytes and one terminal event each', async () => {
  expect(faults.stack.workers).toEqual([]);
  const groups = await Promise.all([0, 1, 2, 3, 4].map(() => openClients(10)));
  const [accepting = [], queued = [], streaming = [], finishing = [], finished = []] = groups;
  const params = { prompt: faults.plan({ chunks: 40, ends: ['pause'] }).prompt, idempotencyKey: 'the one' };
  const [jobId = '', ...same] = await Promise.all(accepting.map((client) => client.execute(params)));
  expect(new Set(same)).toEqual(new Set([jobId]));
  const attachAll = (clients: RecordingClient[]) =>
    Promise.all(clients.map((client) => client.attach(jobId)));
  await attachAll(queued);
  await haveWorkers(1);
  await untilOutput(queued[0] as RecordingClient, jobId);
  await attachAll(streaming);
  const attaching = attachAll(finishing);
  await completeUpstream(faults, jobId);
  await attaching;
  await (accepting[0] as RecordingClient).terminal(jobId);
  await attachAll(finished);
  const ends = await Promise.all(groups.flat().map((client) => client.terminal(jobId)));
  expect(new Set(ends.map((end) => JSON.stringify(end))).size).toBe(1);
  const { history, violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
  const whole = history.attachments.filter(({ events }) => events.length === ends[0]?.seq);
  expect(whole.map((attachment) => attachment.jobId)).toEqual(Array(50).fill(jobId));
});

test('client · 50 attached · d f: fifty that go all at once leave the job to itself, and fifty that come find all of it', async () => {
  await haveWorkers(1);
  const crowd = await openClients(50);
  const [first] = crowd as [RecordingClient];
  const jobId = await first.execute({ prompt: faults.plan({ chunks: 60 }).prompt });
  await Promise.all(crowd.slice(1).map((client) => client.attach(jobId)));
  await untilOutput(first, jobId);
  for (const client of crowd) client.close();
  await faults.upstream.untilIdle();
  const next = await openClients(50);
  await Promise.all(next.map((client) => client.attach(jobId)));
  for (const client of next) expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
  await expectNoViolations();
});

const RACES = 1_000;

/** Runs so many at a time, each with its number. */
async function inParallel(count: number, width: number, run: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await run(next - 1);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}

test('1,000 who attach around the finish: each sees every event from its position on, and one terminal event', async (context) => {
  await needs('throughput')(context);
  await haveWorkers(2);
  const perJob = 10;
  const clients = await openClients(perJob + 1);
  const random = createRandom(SEED, 'attaches');
  const delays = Array.from({ length: RACES }, () => random.int(0, 90));
  const positions = Array.from({ length: RACES }, () => (random.chance(0.5) ? 0 : random.int(1, 10)));
  let afterTheEnd = 0;
  const jobIds = new Set<string>();
  await inParallel(RACES / perJob, 5, async (i) => {
    const [owner, ...others] = clients as [RecordingClient, ...RecordingClient[]];
    const jobId = await owner.execute({ prompt: faults.plan({ chunks: 8, paceMs: 4 }).prompt });
    jobIds.add(jobId);
    await faults.upstream.untilOutput(jobId);
    await Promise.all(
      others.map(async (client, n) => {
        await setTimeout(delays[i * perJob + n]);
        const seen = owner.wire.events(jobId);
        const hasEnded = seen.at(-1)?.type === 'completed';
        if (hasEnded) afterTheEnd += 1;
        // No further than the owner has seen, and never behind the end, where nothing follows.
        const known = hasEnded ? seen.length - 1 : seen.length;
        await client.attach(jobId, Math.min(positions[i * perJob + n] ?? 0, known));
        expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
      }),
    );
  });
  process.stdout.write(`seed ${SEED}: ${afterTheEnd} of ${RACES} attached after the end\n`);
  expect(Math.min(afterTheEnd, RACES - afterTheEnd)).toBeGreaterThan(RACES / 20);
  const { history, violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
  const ended = history.attachments.filter(({ jobId, end }) => jobIds.has(jobId) && end?.how === 'terminal');
  expect(ended).toHaveLength(RACES + RACES / perJob);
}, 120_000);

test('1,000 cancels around the finish: the answer names the winner, and every client has one terminal event', async (context) => {
  await needs('throughput')(context);
  await haveWorkers(2);
  const clients = await openClients(10);
  const random = createRandom(SEED, 'cancels');
  const delays = Array.from({ length: RACES }, () => random.int(0, 80));
  const won = { cancel: 0, finish: 0 };
  await inParallel(RACES, 30, async (i) => {
    // Whoever cancels sits at the other gateway.
    const [client, canceller] = [clients[i % 10], clients[(i + 1) % 10]] as [
      RecordingClient,
      RecordingClient,
    ];
    const jobId = await client.execute({ prompt: faults.plan({ chunks: 4, paceMs: 4 }).prompt });
    await faults.upstream.untilOutput(jobId);
    await setTimeout(delays[i]);
    const answer = await canceller.cancel(jobId);
    const { type } = await client.terminal(jobId);
    expect(answer.accepted ? 'cancelled' : answer.status).toBe(type);
    if (!answer.accepted) expect(type).toBe('completed');
    won[answer.accepted ? 'cancel' : 'finish'] += 1;
  });
  process.stdout.write(`seed ${SEED}: ${won.cancel} cancels and ${won.finish} finishes came first\n`);
  // A race that one side always wins is none.
  expect(Math.min(won.cancel, won.finish)).toBeGreaterThan(RACES / 20);
  await expectNoViolations();
}, 120_000);
