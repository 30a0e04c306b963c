import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, freePort, startFaultProxy } from '../src/index.ts';

/** What one end of a connection has received, to be waited for. */
function collect(socket: Socket) {
  let received = Buffer.alloc(0);
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const look of watchers) look();
  };
  const ended = Promise.withResolvers<'fin' | 'rst'>();
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    tell();
  });
  socket.on('end', () => ended.resolve('fin'));
  socket.on('error', () => ended.resolve('rst'));
  return {
    socket,
    text: () => received.toString(),
    ended: ended.promise,
    untilBytes: (count: number) =>
      new Promise<string>((resolve) => {
        const look = () => {
          if (received.length >= count) resolve(received.toString());
        };
        watchers.add(look);
        look();
      }),
  };
}

describe('a fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let accepted: ReturnType<typeof collect>[];
  let onAccepted: () => void;
  const clients: Socket[] = [];

  beforeEach(async () => {
    accepted = [];
    onAccepted = () => {};
    server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(collect(socket));
      onAccepted();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startFaultProxy({ target: { port: (server.address() as AddressInfo).port } });
  });

  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    await Promise.all([proxy.close(), proxy.close()]);
    for (const { socket } of accepted) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    expect(proxy.connections()).toBe(0);
  });

  /** Both ends of a new connection through the proxy. */
  async function dial() {
    const arrived = new Promise<void>((resolve) => {
      onAccepted = resolve;
    });
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(socket);
    const near = collect(socket);
    await arrived;
    return { near, far: accepted.at(-1)! };
  }

  it('passes bytes and orderly closings on in both directions, each on its own', async () => {
    const { near, far } = await dial();
    near.socket.write('to you');
    far.socket.write('to me');
    expect(await far.untilBytes(6)).toBe('to you');
    expect(await near.untilBytes(5)).toBe('to me');
    near.socket.end();
    expect(await far.ended).toBe('fin');
    far.socket.end('the rest');
    expect(await near.untilBytes(13)).toBe('to methe rest');
    expect(await near.ended).toBe('fin');
    expect(proxy.counters()).toMatchObject({ accepted: 1, cuts: 0, bytesToTarget: 6, bytesToClient: 13 });
  });

  it('passes a reset on as a reset', async () => {
    const { near, far } = await dial();
    near.socket.write('x');
    await far.untilBytes(1);
    far.socket.resetAndDestroy();
    expect(await near.ended).toBe('rst');
    expect(proxy.counters().cuts).toBe(0);
  });

  it('keeps a megabyte whole and in order at a reader that is slow', async () => {
    const { near, far } = await dial();
    const sent = Array.from({ length: 1 << 17 }, (_, i) => String(i).padStart(8, '0')).join('');
    far.socket.pause();
    near.socket.write(sent);
    await proxy.until(({ bytesToTarget }) => bytesToTarget > 0);
    far.socket.resume();
    expect((await far.untilBytes(sent.length)) === sent).toBe(true);
  });

  it('delays one direction and not the other, and lets go when the fault ends', async () => {
    const { near, far } = await dial();
    await proxy.set({ toTarget: { delayMs: 60_000 } });
    near.socket.write('slow');
    far.socket.write('fast');
    await near.untilBytes(4);
    expect(far.text()).toBe('');
    await proxy.set({ toTarget: { delayMs: 40 } });
    const from = performance.now();
    near.socket.write('er');
    expect(await far.untilBytes(6)).toBe('slower');
    // Timers may fire a fraction early; the bytes may have been read before the clock was.
    expect(performance.now() - from).toBeGreaterThan(30);
  });

  it('throttles to a rate', async () => {
    const { near, far } = await dial();
    await proxy.set({ toTarget: { bytesPerSecond: 10_000 } });
    const from = performance.now();
    near.socket.write('x'.repeat(2_000));
    await far.untilBytes(2_000);
    expect(performance.now() - from).toBeGreaterThan(150);
  });

  it('holds bytes and closings like a network that is cut, and loses none of them', async () => {
    const { near, far } = await dial();
    await proxy.set({ toTarget: { hold: true } });
    near.socket.end('hello');
    far.socket.write('still here');
    await near.untilBytes(10);
    expect(far.text()).toBe('');
    expect(proxy.connections()).toBe(1);
    await proxy.reset();
    expect(await far.untilBytes(5)).toBe('hello');
    expect(await far.ended).toBe('fin');
  });

  it('swallows what comes, also of new connections, and a connection that lost bytes gets no later ones', async () => {
    await proxy.set({ toTarget: { swallow: true } });
    const { near, far } = await dial();
    near.socket.write('lost');
    await proxy.until(({ bytesSwallowed }) => bytesSwallowed === 4);
    await proxy.reset();
    near.socket.write('more');
    await proxy.until(({ bytesSwallowed }) => bytesSwallowed === 8);
    expect(far.text()).toBe('');
    const next = await dial();
    next.near.socket.write('fresh');
    expect(await next.far.untilBytes(5)).toBe('fresh');
  });

  it('half-closes one direction behind what was sent, while the other runs on', async () => {
    const { near, far } = await dial();
    near.socket.write('before');
    await far.untilBytes(6);
    await proxy.set({ toTarget: { halfClose: true } });
    expect(await far.ended).toBe('fin');
    far.socket.write('answer');
    expect(await near.untilBytes(6)).toBe('answer');
  });

  it.each(['rst', 'fin'] as const)('cuts by %s after exactly so many bytes', async (cutBy) => {
    await proxy.set({ toClient: { cutAfterBytes: 5 }, cutBy });
    const { near, far } = await dial();
    far.socket.write('abc');
    far.socket.write('defgh');
    expect(await near.ended).toBe(cutBy);
    expect(near.text()).toBe('abcde');
    await proxy.untilCut();
    expect(proxy.connections()).toBe(0);
    expect(await far.ended).toBe(cutBy);
  });

  it('counts the bytes of a cut from when the fault was set', async () => {
    const { near, far } = await dial();
    far.socket.write('12345');
    await near.untilBytes(5);
    await proxy.set({ toClient: { cutAfterBytes: 2 } });
    far.socket.write('6789');
    await near.ended;
    expect(near.text()).toBe('1234567');
  });

  it.each(['rst', 'fin'] as const)('cuts all connections by %s on both sides', async (how) => {
    const one = await dial();
    const two = await dial();
    expect(proxy.connections()).toBe(2);
    expect(proxy.cutAll(how)).toBe(2);
    expect(proxy.cutAll(how)).toBe(0);
    for (const { near, far } of [one, two]) {
      expect(await near.ended).toBe(how);
      expect(await far.ended).toBe(how);
    }
    await proxy.untilCut(2);
  });

  it('refuses by reset, or with its door closed, and takes connections on the same port again', async () => {
    const living = await dial();
    await proxy.set({ refuse: 'reset' });
    const reset = connect(proxy.port, '127.0.0.1');
    clients.push(reset);
    expect(await collect(reset).ended).toBe('rst');
    await proxy.until(({ refused }) => refused === 1);
    await proxy.set({ refuse: 'refused' });
    const refused = connect(proxy.port, '127.0.0.1');
    clients.push(refused);
    const error = await new Promise((resolve) => refused.once('error', resolve));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    living.near.socket.write('on');
    expect(await living.far.untilBytes(2)).toBe('on');
    await proxy.reset();
    const next = await dial();
    next.near.socket.write('back');
    expect(await next.far.untilBytes(4)).toBe('back');
  });

  it('resets a client whose target cannot be reached', async () => {
    const lonely = await startFaultProxy({ target: { port: await freePort() } });
    const socket = connect(lonely.port, '127.0.0.1');
    expect(await collect(socket).ended).toBe('rst');
    await lonely.close();
  });

  it('names its own address', () => {
    expect(proxy.url('ws', '/ws')).toBe(`ws://127.0.0.1:${proxy.port}/ws`);
    expect(proxy.url()).toBe(`redis://127.0.0.1:${proxy.port}`);
  });
});
