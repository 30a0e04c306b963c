import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { mayReconnect } from '@cc-executor/protocol';
import { connectWire, needs, startService, type TestRedis, type WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { completed, output, provideRig, type Rig, takeJob, untilTrue } from './harness.ts';

const MB = 1024 * 1024;
/** What a gateway grows by whoever reads: garbage that is not collected yet takes 50 MB, on a busy machine 100. */
const ALLOWED_BYTES = 130 * MB;
const WRITTEN_BYTES = 140 * MB;

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

/** Appends this many bytes of output, in batches of 512 KiB, and ends the job. Returns the last seq. */
async function writeBytes(jobId: string, bytes: number): Promise<number> {
  const attempt = await takeJob(rig.log, jobId);
  const batch = Array.from({ length: 16 }, () => output('x'.repeat(32 * 1024)));
  const count = bytes / (MB / 2);
  for (let i = 0; i < count; i += 1) await attempt.write(...batch);
  await attempt.end(completed);
  return 2 + 16 * count;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test('a client that stops reading costs the gateway little memory, and loses nothing', async (context) => {
  if (process.platform !== 'linux') context.skip('memory of another process is read from /proc');
  await needs('throughput')(context);
  const gateway = await startService({
    app: 'gateway',
    env: {
      REDIS_URL: server.url,
      REDIS_KEY_PREFIX: rig.keyPrefix,
      GATEWAY_PORT: '0',
      GATEWAY_HEARTBEAT_MS: '60s',
    },
  });
  try {
    const client = await connectWire(`ws://127.0.0.1:${gateway.ready.port}/ws`);
    const jobId = await rig.createJob();
    const other = await connectWire(`ws://127.0.0.1:${gateway.ready.port}/ws`);
    await client.request('attach', { jobId });
    const before = await residentBytes(gateway.pid);
    client.socket.pause();
    const lastSeq = await writeBytes(jobId, WRITTEN_BYTES);
    // Its answer shows that the gateway has heard everything that was published before.
    expect((await other.request('get', { jobId })).result.lastSeq).toBe(lastSeq);
    const grown = (await residentBytes(gateway.pid)) - before;
    expect(grown).toBeLessThan(ALLOWED_BYTES);
    client.socket.resume();
    const events = await client.untilTerminal(jobId);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: lastSeq }, (_, i) => i + 1));
    await Promise.all([client.close(), other.close()]);
  } finally {
    await gateway.stop();
  }
}, 120_000);

test('who holds most is closed with 4004 when all together hold too much, and others are served', async () => {
  const gateway = await rig.gateway({ memoryBudgetBytes: 16 * MB });
  const hoarders = await Promise.all(Array.from({ length: 16 }, () => rig.connect(gateway)));
  for (const hoarder of hoarders) {
    // A message that is never ended.
    for (let i = 0; i < 24; i += 1) hoarder.socket.send('x'.repeat(64 * 1024), { fin: false });
  }
  const { code, reason } = await Promise.race(hoarders.map(({ closed }) => closed));
  expect({ code, reason }).toEqual({ code: 4004, reason: 'too_much_held' });
  expect(mayReconnect(code)).toBe(true);
  const other = await rig.connect(gateway);
  const { result } = await other.request('execute', { prompt: '字'.repeat(5_000), attach: false });
  expect(result).toMatchObject({ created: true });
});

test('a client that stops reading for too long is closed resumably, and goes on where it was', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  client.socket.pause();
  const lastSeq = await writeBytes(jobId, 16 * MB);
  await untilTrue(() => gateway.connections() === 0);
  client.socket.resume();
  expect(mayReconnect((await client.closed).code)).toBe(true);
  const seen = client.events(jobId).length;
  expect(seen).toBeLessThan(lastSeq);
  const again = await rig.connect(gateway);
  await again.request('attach', { jobId, afterSeq: seen });
  const rest = await again.untilTerminal(jobId);
  expect(rest[0]?.seq).toBe(seen + 1);
  expect(rest.at(-1)?.seq).toBe(lastSeq);
});

test('a client that asks without reading the answers is closed', async () => {
  const gateway = await rig.gateway({ heartbeatMs: 100 });
  const client = await rig.connect(gateway);
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  await attempt.end({ ...completed, text: 'x'.repeat(64 * 1024) });
  client.socket.pause();
  for (let id = 0; id < 1_000; id += 1) {
    client.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'get', params: { jobId } }));
  }
  await untilTrue(() => gateway.connections() === 0);
  client.socket.resume();
  expect(mayReconnect((await client.closed).code)).toBe(true);
});

test('a client that reads, but has much to catch up on, is not taken for a slow one', async (context) => {
  await needs('throughput')(context);
  const gateway = await rig.gateway({ heartbeatMs: 50 });
  const client = await rig.connect(gateway);
  const jobIds = await Promise.all(Array.from({ length: 20 }, () => rig.createJob()));
  const [lastSeq] = await Promise.all(jobIds.map((jobId) => writeBytes(jobId, 2 * MB)));
  const attached = jobIds.map((jobId) => client.request('attach', { jobId }));
  await Promise.all(attached);
  for (const jobId of jobIds) expect(await client.untilTerminal(jobId)).toHaveLength(lastSeq ?? 0);
  expect(client.socket.readyState).toBe(client.socket.OPEN);
});

/**
 * Reads so many bytes in each heartbeat, in small steps, as a client behind a thin line does.
 * Returns what makes it read without a pause again.
 */
function readSlowly(client: WireClient, bytesPerStep: number, stepMs: number): () => void {
  let budget = 0;
  const stream = (client.socket as unknown as { _socket: Socket })._socket;
  stream.prependListener('data', (piece: Buffer) => {
    budget -= piece.length;
    if (budget <= 0) client.socket.pause();
  });
  const timer = setInterval(() => {
    budget = Math.min(budget + bytesPerStep, bytesPerStep);
    if (budget > 0) client.socket.resume();
  }, stepMs);
  return () => clearInterval(timer);
}

test('a client that reads slowly keeps its connection and gets everything, and one that stops is closed', async (context) => {
  await needs('throughput')(context);
  // In each heartbeat as much as one at 200 KB/s reads in one of 10 s: ten times as fast.
  const gateway = await rig.gateway({ heartbeatMs: 1_000 });
  const [slow, stopped] = [await rig.connect(gateway), await rig.connect(gateway)];
  const jobId = await rig.createJob();
  const lastSeq = await writeBytes(jobId, 20 * MB);
  const stop = readSlowly(slow, 100 * 1024, 50);
  await Promise.all([slow, stopped].map((client) => client.request('attach', { jobId })));
  stopped.socket.pause();
  const began = performance.now();
  expect(await slow.untilTerminal(jobId)).toHaveLength(lastSeq);
  stop();
  // It was slow: so slow that it would have been closed, had it done nothing meanwhile.
  expect(performance.now() - began).toBeGreaterThan(5_000);
  expect(slow.socket.readyState).toBe(slow.socket.OPEN);
  expect(gateway.connections()).toBe(1);
  stopped.socket.resume();
  expect(mayReconnect((await stopped.closed).code)).toBe(true);
}, 60_000);
