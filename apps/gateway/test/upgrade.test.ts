import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { TestRedis } from '@cc-executor/testing';
import { describe, expect, test } from 'vitest';
import { provideRig, type Rig, TENANT, untilTrue } from './harness.ts';

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** The status of an upgrade request's answer. */
async function upgradeStatus(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const asked = request({ port, path, host: '127.0.0.1', headers: { ...UPGRADE, ...headers } }).end();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  asked.on('error', reject);
  asked.on('response', (response) => resolve(response.resume().statusCode ?? 0));
  asked.on('upgrade', (response, socket) => {
    socket.destroy();
    resolve(response.statusCode ?? 0);
  });
  return promise;
}

const native = { 'sec-websocket-protocol': 'cc-executor.v1' };

async function openRaw(port: number, text: string): Promise<Socket> {
  // It does not close because the other side does.
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

describe('an upgrade', () => {
  test('is taken at the doors, and nowhere else', async () => {
    const { port } = await rig.gateway();
    expect(await upgradeStatus(port, '/ws', native)).toBe(101);
    expect(await upgradeStatus(port, '/ws?from=here', native)).toBe(101);
    expect(await upgradeStatus(port, '/ws/mcp')).toBe(101);
    for (const path of ['/', '/ws/', '/ws/other', '/__proto__', '//', '//x:y', '/%']) {
      expect(await upgradeStatus(port, path, native)).toBe(404);
    }
  });

  test('at the native door needs its subprotocol, alone or among others', async () => {
    const { port } = await rig.gateway();
    expect(await upgradeStatus(port, '/ws')).toBe(400);
    expect(await upgradeStatus(port, '/ws', { 'sec-websocket-protocol': 'cc-executor.v2' })).toBe(400);
    expect(await upgradeStatus(port, '/ws', { 'sec-websocket-protocol': 'a, cc-executor.v1' })).toBe(101);
  });

  test('from a web page is taken only if the page is on loopback or allowed by name', async () => {
    const { port } = await rig.gateway({ allowedOrigins: ['https://tools.example.com'] });
    const from = (origin: string) => upgradeStatus(port, '/ws', { ...native, origin });
    expect(await from('http://localhost:5173')).toBe(101);
    expect(await from('https://tools.example.com')).toBe(101);
    expect(await from('https://evil.example.com')).toBe(403);
    expect(await from('null')).toBe(403);
    expect(await upgradeStatus(port, '/ws', { ...native, host: 'pointed-here.example' })).toBe(403);
    expect(await upgradeStatus(port, '/ws/mcp', { origin: 'https://evil.example.com' })).toBe(403);
  });

  test('that is refused leaves no socket behind, even if its sender never closes, or resets', async () => {
    const gateway = await rig.gateway();
    const text = 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    const lingering = await openRaw(gateway.port, text);
    lingering.on('error', () => {
      // It may be reset: all the same here.
    });
    lingering.resume();
    const hungUp = once(lingering, 'end');
    const resetting = await openRaw(gateway.port, text);
    resetting.resetAndDestroy();
    await hungUp;
    expect(await upgradeStatus(gateway.port, '/ws', native)).toBe(101);
    // Waits for every socket of the server.
    await gateway.close();
    lingering.destroy();
  });
});

test('what is not an upgrade gets a word about where the doors are', async () => {
  const { port } = await rig.gateway();
  const response = await fetch(`http://127.0.0.1:${port}/ws`);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('/ws/mcp');
  const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
  expect((await fetch(`http://127.0.0.1:${port}/services`, { headers })).status).toBe(403);
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
});

describe('a drain', () => {
  test('says goaway, refuses what is new, goes on with what is there, and closes with 4000', async () => {
    const gateway = await rig.gateway({ drainGraceMs: 60_000 });
    const client = await rig.connect(gateway);
    const prototype = await rig.dialect(gateway);
    const jobId = await rig.createJob();
    const closing = gateway.close();
    const goaway = await client.until(({ method }) => method === 'goaway');
    expect(goaway.params).toEqual({ reason: 'draining', reconnectAfterMs: expect.any(Number) });
    const { error } = await client.request('execute', { prompt: 'x' });
    expect(error).toMatchObject({ code: -32011, data: { code: 'draining', retryable: true } });
    const refused = await prototype.request('execute', { command: 'x' });
    expect(refused.error.code).toBe(-32000);
    expect((await client.request('attach', { jobId })).result.lastSeq).toBe(1);
    expect(await upgradeStatus(gateway.port, '/ws', native)).toBe(503);
    expect((await fetch(`http://127.0.0.1:${gateway.port}/ready`)).status).toBe(503);
    // As soon as the last client has left, the drain is over, whatever the grace.
    await Promise.all([client.close(), prototype.close()]);
    await closing;
    await expect(upgradeStatus(gateway.port, '/ws', native)).rejects.toThrow();
  });

  test('closes who has not left within the grace with 4000, and who does not answer that without a word', async () => {
    const gateway = await rig.gateway({ drainGraceMs: 50 });
    const [polite, deaf] = await Promise.all([rig.connect(gateway), rig.connect(gateway)]);
    deaf.socket.pause();
    const closing = gateway.close();
    expect(await polite.closed).toEqual({ code: 4000, reason: 'going_away' });
    await closing;
    expect(gateway.connections()).toBe(0);
  });

  test('twice is once', async () => {
    const gateway = await rig.gateway();
    await rig.connect(gateway);
    await Promise.all([gateway.close(), gateway.close()]);
    await gateway.close();
  });

  test('cancels no job whose client left because of it', async () => {
    const gateway = await rig.gateway({ abandonGraceMs: 1 });
    const client = await rig.connect(gateway);
    const { result } = await client.request('execute', { prompt: 'x', onDisconnect: 'cancel' });
    const closing = gateway.close();
    // Not before the drain has begun to close: leaving earlier is leaving.
    await client.closed;
    await closing;
    expect((await rig.log.get(TENANT, result.jobId))?.job.status).toBe('queued');
  });
});

test('a closed gateway leaves no timer behind, and listens to nothing', async () => {
  const timers = new Map<number, string>();
  const hook = createHook({
    init(id, type) {
      const { stack = '' } = new Error('created here');
      if (type === 'Timeout' && stack.includes('/apps/gateway/src/')) timers.set(id, stack);
    },
    destroy: (id) => timers.delete(id),
  }).enable();
  const gateway = await rig.gateway({ heartbeatMs: 50 });
  const [leaver, stayer] = await Promise.all([rig.connect(gateway), rig.connect(gateway)]);
  const jobId = await rig.createJob();
  await Promise.all([leaver.request('attach', { jobId }), stayer.request('attach', { jobId })]);
  expect(timers.size).toBeGreaterThan(0);
  await leaver.close();
  await gateway.close();
  await new Promise(setImmediate);
  hook.disable();
  expect([...timers.values()]).toEqual([]);
  await untilTrue(async () => !(await server.channels()).includes(rig.keys.channel(jobId)));
});
