import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { needs, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  closeRedis,
  openRedis,
  type RedisConnection,
  type RedisRole,
  serversOf,
  untilConnected,
} from '../src/index.ts';

let server: TestRedis;
const open: RedisConnection[] = [];

beforeAll(async () => {
  server = await startTestRedis();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(closeRedis));
  if (server.pid === undefined) await server.start();
});
afterAll(() => server.close());

function connectTo(url: string, role: RedisRole, onError: (error: Error) => void = () => {}) {
  const redis = openRedis(url, { name: `test-${role}`, role, onError });
  open.push(redis);
  return redis;
}

/** Not `once` of node:events, which rejects at the errors that tests cause. */
function happens(redis: RedisConnection, event: string): Promise<void> {
  return new Promise((resolve) => redis.once(event, () => resolve()));
}

async function ready(redis: RedisConnection): Promise<RedisConnection> {
  if (redis.status !== 'ready') await happens(redis, 'ready');
  return redis;
}

describe('the wait of a service that starts', () => {
  it('is over when every connection is up', async () => {
    const connections = [connectTo(server.url, 'impatient'), connectTo(server.url, 'subscriber')];
    await untilConnected(connections);
    expect(connections.map(({ status }) => status)).toEqual(['ready', 'ready']);
    await untilConnected(connections);
  });

  it('is over when Redis cannot be reached', async () => {
    const redis = connectTo('redis://127.0.0.1:1', 'subscriber');
    await untilConnected([redis]);
    expect(redis.status).not.toBe('ready');
  });
});

/** A relay to the server that cuts every connection after so many bytes of replies, when told. */
async function startCuttingRelay(port: number) {
  let left = Number.POSITIVE_INFINITY;
  const sockets = new Set<Socket>();
  const relay = createServer((inside) => {
    const outside = connect(port, '127.0.0.1');
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => {
        // Cut: the other side notices.
      });
    }
    inside.pipe(outside);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
    outside.on('data', (reply: Buffer) => {
      if (reply.length <= left) {
        left -= reply.length;
        inside.write(reply);
        return;
      }
      inside.write(reply.subarray(0, left), () => outside.destroy());
      left = Number.POSITIVE_INFINITY;
    });
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const address = relay.address();
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cutAfter(bytes: number) {
      left = bytes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}

/** A relay to the server that answers INFO itself once: the server is loading, and knows not for how long. */
async function startLoadingRelay(port: number) {
  let isLoading = true;
  const info = 'loading:1\r\nloading_eta_seconds:1349\r\n';
  const relay = createServer((inside) => {
    const outside = connect(port, '127.0.0.1');
    for (const socket of [inside, outside]) {
      socket.on('error', () => {
        // The other side went.
      });
    }
    inside.on('data', (command: Buffer) => {
      const isInfo = isLoading && command.toString().toLowerCase().includes('$4\r\ninfo\r\n');
      if (isInfo) inside.write(`$${info.length}\r\n${info}\r\n`);
      else outside.write(command);
      isLoading &&= !isInfo;
    });
    inside.on('close', () => outside.destroy());
    outside.pipe(inside);
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port: ownPort } = relay.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${ownPort}`,
    hasLoaded: () => !isLoading,
    async close() {
      relay.close();
      await once(relay, 'close');
    },
  };
}

describe('an impatient connection', () => {
  it('fails at once while Redis is away, and works again when it is back', async () => {
    const errors: Error[] = [];
    const redis = await ready(connectTo(server.url, 'impatient', (error) => errors.push(error)));
    const closed = happens(redis, 'close');
    await server.kill();
    await closed;
    const before = performance.now();
    await expect(redis.get('a')).rejects.toThrow();
    expect(performance.now() - before).toBeLessThan(1_000);
    await server.start();
    await ready(redis);
    expect(await redis.get('a')).toBeNull();
    for (const error of errors)
      expect(error.message).toContain(`Redis at redis://127.0.0.1:${server.port}: `);
  });

  it('gives up a command that Redis does not answer in time', async () => {
    const redis = openRedis(server.url, {
      name: 'test',
      role: 'impatient',
      commandTimeoutMs: 100,
      onError: () => {},
    });
    open.push(redis);
    await ready(redis);
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      await expect(redis.get('a')).rejects.toThrow(/timed out/);
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
  });

  it('does not do later what it refused', async () => {
    const redis = await ready(connectTo(server.url, 'impatient'));
    const closed = happens(redis, 'close');
    await server.kill();
    await closed;
    await expect(redis.set('refused', '1')).rejects.toThrow();
    await server.start();
    await ready(redis);
    expect(await redis.get('refused')).toBeNull();
  });
});

describe('a patient connection', () => {
  it('waits until Redis is there, and through a restart', async () => {
    await server.kill();
    const redis = connectTo(server.url, 'patient');
    const early = redis.set('early', '1');
    await server.start();
    expect(await early).toBe('OK');
    const closed = happens(redis, 'close');
    await server.kill();
    await closed;
    const late = redis.set('late', '1');
    await server.start();
    expect(await late).toBe('OK');
  });

  it('rejects what was left unanswered in the middle of a batch, and is usable at once', async () => {
    const relay = await startCuttingRelay(server.port);
    const redis = await ready(connectTo(relay.url, 'patient'));
    relay.cutAfter('+OK\r\n+OK\r\n+O'.length);
    const settled = await Promise.allSettled(['a', 'b', 'c', 'd'].map((key) => redis.set(key, '1')));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(await redis.set('c', '1')).toBe('OK');
    await closeRedis(redis);
    await relay.close();
  });
});

describe('a subscriber', () => {
  it('subscribes anew after a restart', async () => {
    const redis = await ready(connectTo(server.url, 'subscriber'));
    await redis.subscribe('news');
    await server.kill();
    await server.start();
    await ready(redis);
    await redis.ping();
    const message = once(redis, 'message');
    await server.admin.publish('news', 'hello');
    expect(await message).toEqual(['news', 'hello']);
  });
});

describe('every connection', () => {
  it('is shown to Redis under its name', async () => {
    await ready(connectTo(server.url, 'patient'));
    expect(String(await server.admin.client('LIST'))).toContain(' name=test-patient ');
  });

  it('names the address, not the password, when Redis is not there', async () => {
    await server.kill();
    const first = Promise.withResolvers<Error>();
    connectTo(`redis://:hunter2@localhost:${server.port}`, 'patient', first.resolve);
    const { message } = await first.promise;
    expect(message).toContain(`Redis at redis://localhost:${server.port}: `);
    expect(message).toContain('ECONNREFUSED');
    expect(message).not.toContain('hunter2');
  });

  it.each<RedisRole>(['patient', 'impatient', 'subscriber'])(
    '%s is there soon after Redis has loaded, whatever Redis thought how long that takes',
    async (role) => {
      const relay = await startLoadingRelay(server.port);
      const before = performance.now();
      const redis = await ready(connectTo(relay.url, role));
      expect(performance.now() - before).toBeLessThan(2_000);
      expect(relay.hasLoaded()).toBe(true);
      await closeRedis(redis);
      await relay.close();
    },
  );

  it('closes once, twice, and leaves nothing behind', async () => {
    const redis = await ready(connectTo(server.url, 'patient'));
    await Promise.all([closeRedis(redis), closeRedis(redis)]);
    await closeRedis(redis);
    expect(redis.status).toBe('end');
    expect(String(await server.admin.client('LIST'))).not.toContain('name=test-patient');
  });

  it.each(['connecting', 'reconnecting'])('closed while it is %s lets nobody wait', async (status) => {
    await server.kill();
    const redis = connectTo(server.url, 'patient');
    const waiting = Promise.allSettled([redis.get('a'), redis.get('b')]);
    while (redis.status !== status) await happens(redis, status);
    await closeRedis(redis);
    expect((await waiting).map((settled) => settled.status)).toEqual(['rejected', 'rejected']);
    expect(redis.status).toBe('end');
  });

  it('closes within a bound when Redis stands still', async () => {
    const redis = await ready(connectTo(server.url, 'patient'));
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      await closeRedis(redis);
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
    await expect(redis.get('a')).rejects.toThrow();
  }, 8_000);

  it('knows its servers, in a cluster too', async (context) => {
    await needs('cluster')(context);
    const cluster = await startTestRedis({ cluster: true });
    const redis = await ready(connectTo(cluster.url, 'impatient'));
    expect(serversOf(redis)).toHaveLength(1);
    expect(await redis.set('a', '1')).toBe('OK');
    const single = connectTo(server.url, 'impatient');
    expect(serversOf(single)).toEqual([single]);
    await closeRedis(redis);
    await cluster.close();
  });
});
