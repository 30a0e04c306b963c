import type { TestRedis, WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import {
  type Attempt,
  completed,
  output,
  provideRig,
  type Rig,
  TENANT,
  takeJob,
  untilTrue,
} from './harness.ts';

const EVENTS = 300;

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

/** Keeps the texts of a client's event frames, as they came. */
function keepFrames(client: WireClient): string[] {
  const frames: string[] = [];
  client.socket.on('message', (data) => {
    const text = data.toString();
    if (text.includes('"method":"event"')) frames.push(text);
  });
  return frames;
}

/** Writes in batches of one to four events, without a pause, and ends the job. */
async function writeAll(attempt: Attempt): Promise<void> {
  for (let i = 0; i < EVENTS; ) {
    const size = Math.min(1 + (i % 4), EVENTS - i);
    await attempt.write(...Array.from({ length: size }, (_, k) => output(`piece ${i + k} ü 🙂\n`)));
    i += size;
  }
  await attempt.end(completed);
}

test('a client that comes back on another gateway, again and again, gets every event once', async () => {
  const gateways = await Promise.all([rig.gateway(), rig.gateway()]);
  const jobId = await rig.createJob();
  const watcher = await rig.connect(gateways[0]);
  const watched = keepFrames(watcher);
  await watcher.request('attach', { jobId });
  const attempt = await takeJob(rig.log, jobId);
  const writing = writeAll(attempt);

  const seen: string[] = [];
  let position = 0;
  for (let turn = 0; !seen.at(-1)?.includes('"type":"completed"'); turn += 1) {
    const gateway = gateways[turn % 2];
    if (!gateway) throw new Error('no gateway');
    const client = await rig.connect(gateway);
    const frames = keepFrames(client);
    const { result } = await client.request('attach', { jobId, afterSeq: position });
    expect(result.lastSeq).toBeGreaterThanOrEqual(position);
    // Leaves in the midst of it, at a place that differs each time.
    await client.until(() => frames.length > turn % 7 || frames.some((f) => f.includes('"completed"')));
    client.socket.terminate();
    await client.closed;
    seen.push(...frames);
    position = JSON.parse(seen.at(-1) ?? '{}').params.seq;
  }
  await writing;
  await watcher.untilTerminal(jobId);
  expect(seen.map((frame) => JSON.parse(frame).params.seq)).toEqual(
    Array.from({ length: EVENTS + 2 }, (_, i) => i + 1),
  );
  // Byte for byte the same for both.
  expect(seen).toEqual(watched);
});

test('many clients that attach while the job is written all see the same, and all see it end', async () => {
  const gateways = await Promise.all([rig.gateway(), rig.gateway()]);
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  const writing = writeAll(attempt);
  const logs = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      await untilTrue(
        async () => ((await rig.log.positions(TENANT, [jobId])).get(jobId)?.lastSeq ?? 0) > i * 14,
      );
      const client = await rig.connect(gateways[i % 2] ?? gateways[0]);
      const frames = keepFrames(client);
      await client.request('attach', { jobId });
      await client.untilTerminal(jobId);
      return frames;
    }),
  );
  await writing;
  expect(logs[0]).toHaveLength(EVENTS + 2);
  for (const frames of logs) expect(frames).toEqual(logs[0]);
});

test('a job outlives its client: whoever attaches later gets all of it', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const { result } = await client.request('execute', { prompt: 'x' });
  client.socket.terminate();
  await client.closed;
  await untilTrue(() => gateway.connections() === 0);
  const attempt = await takeJob(rig.log, result.jobId);
  await writeAll(attempt);
  const later = await rig.connect(gateway);
  await later.request('attach', { jobId: result.jobId, epoch: result.epoch });
  expect((await later.untilTerminal(result.jobId)).map(({ seq }) => seq)).toEqual(
    Array.from({ length: EVENTS + 2 }, (_, i) => i + 1),
  );
});

test('a connection that goes while it attaches leaves no subscription behind', async () => {
  let attaching = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const gateway = await rig.gateway({
    wrapLog: (log) => ({
      ...log,
      async range(...args) {
        attaching.resolve();
        await gate.promise;
        return log.range(...args);
      },
    }),
  });
  const jobId = await rig.createJob();
  const client = await rig.connect(gateway);
  attaching = Promise.withResolvers<void>();
  client.send(`{"jsonrpc":"2.0","id":1,"method":"attach","params":{"jobId":"${jobId}"}}`);
  await attaching.promise;
  expect(await server.channels()).toContain(rig.keys.channel(jobId));
  client.socket.terminate();
  await untilTrue(() => gateway.connections() === 0);
  gate.resolve();
  await untilTrue(async () => !(await server.channels()).includes(rig.keys.channel(jobId)));
});
