/** Tries a REDIS_URL step by step: name, each address, login, PING. For saying why Redis cannot be used from here. */
import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { within } from '@cc-executor/runtime';
import { describeAddress, type Endpoint, parseRedisUrl } from './address.ts';
import { closeRedis, openRedis, type RedisConnection } from './connection.ts';
import { type RedisView, type ServerView, viewRedis } from './view.ts';

/** Never rejects, but for a URL that cannot be read: `RedisAddressError`. @param timeoutMs for all of it */
export async function probeRedis(
  url: string,
  { timeoutMs, name }: { timeoutMs: number; name: string },
): Promise<RedisView> {
  const address = parseRedisUrl(url);
  const endAt = performance.now() + timeoutMs;
  const servers = await Promise.all(address.endpoints.map((endpoint) => reach(endpoint, endAt)));
  const reached = servers.some(({ addresses }) => addresses.some(({ code }) => code === undefined));
  if (!reached) {
    const [first] = servers;
    const code = first?.nameCode ?? first?.addresses[0]?.code ?? 'TIMEOUT';
    return { address: describeAddress(address), ok: false, code, servers };
  }
  return { ...(await logIn(url, name, endAt)), servers };
}

/**
 * What a service sees of Redis over a connection of its own; when that one is away, a probe says why. Never rejects.
 * @param options.timeoutMs for all of it
 */
export async function seeRedis(
  redis: RedisConnection,
  url: string,
  options: { timeoutMs: number; name: string },
): Promise<RedisView> {
  if (redis.status !== 'ready') return probeRedis(url, options);
  try {
    return await within(viewRedis(redis, url), options.timeoutMs);
  } catch (error) {
    return failedView(url, error);
  }
}

async function reach({ host, port }: Endpoint, endAt: number): Promise<ServerView> {
  try {
    const found = isIP(host) ? [{ address: host }] : await until(lookup(host, { all: true }), endAt);
    const addresses = await Promise.all(
      [...new Set(found.map(({ address }) => address))].map(async (address) => {
        const from = performance.now();
        const code = await knock(address, port, endAt);
        return { address, code, latencyMs: Math.round((performance.now() - from) * 10) / 10 };
      }),
    );
    return { host, port, addresses };
  } catch (error) {
    return { host, port, nameCode: codeOf(error), addresses: [] };
  }
}

/** Connects and lets go. Resolves with undefined, or why not. */
async function knock(host: string, port: number, endAt: number): Promise<string | undefined> {
  const socket = connect({ host, port });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('connect', () => resolve()).once('error', reject);
  try {
    await until(promise, endAt);
    return undefined;
  } catch (error) {
    return codeOf(error);
  } finally {
    socket.destroy();
  }
}

async function logIn(url: string, name: string, endAt: number): Promise<RedisView> {
  const failed = Promise.withResolvers<never>();
  const redis = openRedis(url, { name, role: 'patient', onError: failed.reject });
  const ready = new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  try {
    await until(Promise.race([ready, failed.promise]), endAt);
    return await until(Promise.race([viewRedis(redis, url), failed.promise]), endAt);
  } catch (error) {
    return failedView(url, (error as Error).cause ?? error);
  } finally {
    await closeRedis(redis);
  }
}

function failedView(url: string, error: unknown): RedisView {
  const address = describeAddress(parseRedisUrl(url));
  return { address, ok: false, code: codeOf(error), detail: (error as Error).message };
}

/** The system's code, or the word with which Redis begins an error. */
function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code !== undefined) return code;
  if (/^(Protocol error|Unknown RESP type)/.test(message)) return 'NOT_REDIS';
  return /^([A-Z]{3,})\b/.exec(message)?.[1] ?? 'UNKNOWN';
}

/** In time, whatever else has taken some of it before. */
function until<T>(work: Promise<T>, endAt: number): Promise<T> {
  return within(work, Math.max(endAt - performance.now(), 1));
}
