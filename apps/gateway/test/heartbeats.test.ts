import type { ReadLog } from '@cc-executor/job-log';
import { createEpoch } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import type { TestRedis, WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { createHeartbeats } from '../src/listening/heartbeats.ts';
import {
  completed,
  freshMetrics,
  output,
  provideRig,
  type Rig,
  silent,
  takeJob,
  untilTrue,
} from './harness.ts';

const HEARTBEAT_MS = 200;

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

function heartbeats(client: WireClient) {
  return client.messages.filter(({ method }) => method === 'heartbeat').map(({ params }) => params.jobs);
}

/** A gateway whose subscriber hears nothing: every publication is lost, and no reconnect says so. */
async function deafGateway(heartbeatMs: number) {
  const { feed } = await rig.gateway();
  return rig.gateway({
    heartbeatMs,
    feed: {
      ...feed,
      subscribe: (jobId) =>
        feed.subscribe(jobId, () => {
          // Lost.
        }),
      onRestored: () => () => true,
    },
  });
}

test('a heartbeat carries the true position of each attached job, and only of these', async () => {
  const client = await rig.connect(await rig.gateway({ heartbeatMs: HEARTBEAT_MS }));
  await client.until(({ method }) => method === 'heartbeat');
  expect(heartbeats(client)[0]).toEqual([]);
  const [one, two, other] = await Promise.all([rig.createJob(), rig.createJob(), rig.createJob()]);
  await client.request('attach', { jobId: one });
  await client.request('attach', { jobId: two });
  const attempt = await takeJob(rig.log, one);
  await attempt.write(output('a'), output('b'));
  const beat = await client.until(
    ({ method, params }) =>
      method === 'heartbeat' && params.jobs.some((job: { seq: number }) => job.seq === 3),
  );
  expect(beat.params.jobs).toHaveLength(2);
  expect(beat.params.jobs).toContainEqual({ jobId: one, seq: 3, status: 'running' });
  expect(beat.params.jobs).toContainEqual({ jobId: two, seq: 1, status: 'queued' });
  expect(JSON.stringify(heartbeats(client))).not.toContain(other);
});

test('events whose publication was lost come within one heartbeat, the terminal one too', async () => {
  const client = await rig.connect(await deafGateway(HEARTBEAT_MS));
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write(output('a'), output('b'));
  await client.until(({ params }) => params?.seq === 3);
  await attempt.end(completed);
  const before = heartbeats(client).length;
  const events = await client.untilTerminal(jobId);
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  expect(heartbeats(client).length).toBeLessThanOrEqual(before + 1);
});

test('without a heartbeat in sight, lost publications are found when the subscriber is back', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 60_000 });
  const client = await rig.connect(gateway);
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  const attempt = await takeJob(rig.log, jobId);
  await server.killClients('subscribers');
  // Nobody is subscribed at this moment: what is written now is published to no one.
  expect(await rig.countListeners(jobId)).toBe(0);
  await attempt.write(output('a'));
  await attempt.end(completed);
  expect((await client.untilTerminal(jobId)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
});

test('without a heartbeat in sight, what could not be read when the subscriber was back is read soon', async () => {
  const refused = { positions: 0, range: 0 };
  let isAway = false;
  /** As a command connection that comes back later than the subscriber's. */
  const awayAtFirst =
    <A extends unknown[], R>(name: keyof typeof refused, ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      // Positions are told again before the log is: each of the two has to be tried again.
      if (!isAway || refused[name] === 3) return ask(...args);
      refused[name] += 1;
      throw new RedisUnavailableError('away', new Error('not connected yet'));
    };
  const gateway = await rig.gateway({
    heartbeatMs: 60_000,
    wrapLog: (log) => ({
      ...log,
      positions: awayAtFirst('positions', log.positions),
      range: awayAtFirst('range', log.range),
    }),
  });
  const [one, two] = await Promise.all([rig.connect(gateway), rig.connect(gateway)]);
  const jobIds = await Promise.all([rig.createJob(), rig.createJob()]);
  for (const client of [one, two]) {
    for (const jobId of jobIds) await client.request('attach', { jobId });
  }
  const attempts = await Promise.all(jobIds.map((jobId) => takeJob(rig.log, jobId)));
  isAway = true;
  await server.killClients('subscribers');
  for (const attempt of attempts) await attempt.end(completed);
  for (const client of [one, two]) {
    for (const jobId of jobIds) await client.untilTerminal(jobId);
  }
  expect(refused).toEqual({ positions: 3, range: 3 });
});

test('after the subscriber came back, live events come as before', async () => {
  const client = await rig.connect(await rig.gateway());
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  const attempt = await takeJob(rig.log, jobId);
  for (let round = 0; round < 5; round += 1) {
    await server.killClients('subscribers');
    await untilTrue(async () => (await rig.countListeners(jobId)) === 1);
    await attempt.write(output(`${round}`));
    await client.until(({ params }) => params?.text === `${round}`);
  }
  await attempt.end(completed);
  expect((await client.untilTerminal(jobId)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('a job whose record is gone is said to be lost, and its attachment ends', async () => {
  const client = await rig.connect(await rig.gateway({ heartbeatMs: HEARTBEAT_MS }));
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  await client.until(({ method }) => method === 'event');
  await server.admin.del(rig.keys.record(jobId), rig.keys.log(jobId));
  const lost = await client.until(({ method }) => method === 'job_lost');
  expect(lost.params).toEqual({ jobId, lastSeq: 1, reason: expect.stringContaining('gone') });
  await untilTrue(async () => !(await server.channels()).includes(rig.keys.channel(jobId)));
  expect((await client.request('attach', { jobId })).error.data.code).toBe('job_not_found');
});

test('a log that was made anew is another log: lost to who listened, refused to who resumes', async () => {
  const client = await rig.connect(await rig.gateway({ heartbeatMs: HEARTBEAT_MS }));
  const jobId = await rig.createJob();
  const { result } = await client.request('attach', { jobId });
  await client.until(({ method }) => method === 'event');
  await server.admin.del(rig.keys.record(jobId), rig.keys.log(jobId));
  await rig.createJob(jobId);
  const lost = await client.until(({ method }) => method === 'job_lost');
  expect(lost.params).toMatchObject({ jobId, lastSeq: 1 });
  const again = await client.request('attach', { jobId, afterSeq: 1, epoch: result.epoch });
  expect(again.error.data.code).toBe('epoch_mismatch');
  expect(client.events(jobId)).toHaveLength(1);
});

test('busy heartbeats never take a job for lost that is there', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 50 });
  const clients = await Promise.all(Array.from({ length: 8 }, () => rig.connect(gateway)));
  await Promise.all(
    clients.map(async (client) => {
      for (let round = 0; round < 10; round += 1) {
        const jobId = await rig.createJob();
        await client.request('attach', { jobId });
        const attempt = await takeJob(rig.log, jobId);
        for (let i = 0; i < 10; i += 1) await attempt.write(output('x'));
        await attempt.end(completed);
        expect(await client.untilTerminal(jobId)).toHaveLength(12);
      }
    }),
  );
  for (const client of clients) {
    expect(client.messages.filter(({ method }) => method === 'job_lost')).toEqual([]);
  }
});

test('a client that does not answer pings is closed with 4002, one that does stays', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 60 });
  const [silent, alive] = await Promise.all([rig.connect(gateway), rig.connect(gateway)]);
  silent.socket.pong = () => {
    // Half-open: what it is sent arrives, what it would answer does not.
  };
  expect(await silent.closed).toEqual({ code: 4002, reason: 'heartbeat_missed' });
  await alive.until(() => heartbeats(alive).length > 8);
  expect(alive.socket.readyState).toBe(alive.socket.OPEN);
  expect(gateway.connections()).toBe(1);
});

test('a publication of another epoch than the log’s is not forwarded', async () => {
  const client = await rig.connect(await rig.gateway());
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  await client.until(({ method }) => method === 'event');
  const forged = `${createEpoch()} 2 2 completed\n{"jobId":"${jobId}","seq":2,"type":"completed"}`;
  await server.admin.publish(rig.keys.channel(jobId), forged);
  const attempt = await takeJob(rig.log, jobId);
  await attempt.end({ type: 'cancelled', by: 'client', partial: false });
  expect((await client.untilTerminal(jobId)).map(({ type }) => type)).toEqual(['queued', 'cancelled']);
});

test('while Redis does not answer, beats come at their time, clients are told, and none is closed for it', async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  let stands = false;
  const positions: ReadLog['positions'] = async (...args) => {
    if (stands) await answered;
    return rig.log.positions(...args);
  };
  const gateway = await rig.gateway({ heartbeatMs: HEARTBEAT_MS, readLog: { ...rig.log, positions } });
  const client = await rig.connect(gateway);
  await client.request('attach', { jobId: await rig.createJob() });
  stands = true;
  const heard = heartbeats(client).length;
  await client.until(({ method }) => method === 'degraded');
  await client.until(() => heartbeats(client).length >= heard + 6);
  answer();
  stands = false;
  await client.until(({ method }) => method === 'restored');
  expect(client.socket.readyState).toBe(client.socket.OPEN);
});

test('a job whose record is no record any longer is lost to its listeners; the others go on, and nothing is degraded', async () => {
  const client = await rig.connect(await rig.gateway({ heartbeatMs: HEARTBEAT_MS }));
  const [poisoned, sound] = [await rig.createJob(), await rig.createJob()];
  await client.request('attach', { jobId: poisoned });
  await client.request('attach', { jobId: sound });
  await server.admin.set(rig.keys.record(poisoned), 'no record');
  const lost = await client.until(({ method }) => method === 'job_lost');
  expect(lost.params).toMatchObject({ jobId: poisoned, lastSeq: 1 });
  await client.until(({ method, params }) => method === 'heartbeat' && params.jobs[0]?.jobId === sound);
  expect(client.messages.filter(({ method }) => method === 'degraded')).toEqual([]);
  const attempt = await takeJob(rig.log, sound);
  await attempt.end(completed);
  await client.untilTerminal(sound);
});

test('many connections beat a few at a time, between which others have their turn; who has gone is left out', async () => {
  const count = 1_200;
  const slots = 20;
  const heartbeats = createHeartbeats({
    readLog: { positions: async () => new Map() },
    intervalMs: HEARTBEAT_MS,
    metrics: freshMetrics(),
    logger: silent,
  });
  const beaten = new Set<number>();
  let inTurn = 0;
  let most = 0;
  function endTurn(): void {
    inTurn = 0;
  }
  const leave = Array.from({ length: count }, (_, i) =>
    heartbeats.add({
      attachments: () => [],
      beat() {
        if (inTurn === 0) setImmediate(endTurn);
        inTurn += 1;
        most = Math.max(most, inTurn);
        beaten.add(i);
        // They stand in one slot, as its first and its last.
        if (i < slots) leave[count - slots + i]!();
      },
      setDegraded: () => undefined,
    }),
  );
  await untilTrue(() => beaten.size >= count - slots);
  heartbeats.close();
  expect(Math.max(...beaten)).toBe(count - slots - 1);
  expect(most).toBeLessThanOrEqual(50);
});
