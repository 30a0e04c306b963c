/**
 * Opens Redis connections, one policy per role:
 *   `patient`     a worker's writes: wait through an outage, resend what was not answered (every write of ours
 *                 is idempotent, so a resend is harmless). Only when the connection breaks in the middle of the
 *                 replies to one batch of commands, those not answered reject (`AbortError`): callers repeat them;
 *   `impatient`   a gateway's commands: fail at once while there is no connection and within a bound otherwise,
 *                 so that a client gets an answer and nothing it was refused happens later;
 *   `subscriber`  pub/sub: reconnects for ever and subscribes anew.
 */
import { once } from 'node:events';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { describeAddress, parseRedisUrl, type RedisAddress } from './address.ts';
import { followFailovers } from './failover-watch.ts';
import { shareScripts } from './pipelines.ts';

export type RedisRole = 'patient' | 'impatient' | 'subscriber';
export type RedisConnection = Redis | Cluster;

export type OpenOptions = {
  /** Shown in CLIENT LIST. */
  name: string;
  role: RedisRole;
  /** Called on every connection error; the connection goes on by itself. */
  onError: (error: Error) => void;
  /** How long an impatient command may take, in ms. */
  commandTimeoutMs?: number;
};

/**
 * Opens a connection; returns at once and connects in the background.
 * Errors: `RedisAddressError` for a URL that cannot be read. Unreachable servers are told to `onError`.
 */
export function openRedis(url: string, options: OpenOptions): RedisConnection {
  const address = parseRedisUrl(url);
  const redis = create(address, redisOptions(address, options));
  shareScripts(redis);
  redis.on('error', (error: Error) => options.onError(withAddress(error, address)));
  if (options.role === 'subscriber') outliveRefusals(redis);
  return redis;
}

/** How long the start of a service waits for its connections, in ms. */
const FIRST_CONNECT_MS = 2_000;

/** Resolves when these connections are up, or do not come up: then there is an outage, and the service starts all the same. */
export async function untilConnected(connections: readonly RedisConnection[]): Promise<void> {
  const signal = AbortSignal.timeout(FIRST_CONNECT_MS);
  const pending = connections.filter(({ status }) => status !== 'ready');
  // What they say of themselves is told to `onError`; here it is enough that the time is over.
  await Promise.allSettled(pending.map((redis) => once(redis, 'ready', { signal })));
}

/** The longest wait between two tries to connect, in ms: listeners notice it, and a try that is refused costs next to nothing. */
const MAX_RETRY_MS = 500;
/** While Redis loads, it is asked again so often, in ms: how long it will take it tells too, at first out of nothing. */
const LOADING_RETRY_MS = 250;
/** How long a connection that is left waits for the other side's farewell, in ms. */
const DISCONNECT_MS = 500;
/** How long connecting to one host behind sentinels may take, and one answer of a sentinel, in ms. */
const SENTINEL_STEP_MS = 1_500;

/** How long a close waits for the server's goodbye. */
const QUIT_TIMEOUT_MS = 2_000;

/** Closes a connection: politely when it is up, at once when it is not. Idempotent. */
export async function closeRedis(redis: RedisConnection): Promise<void> {
  if (redis.status !== 'ready') {
    // Between two tries ioredis would only stop trying, and leave what waits for the connection waiting for ever:
    // a try that is given up ends it.
    if (redis.status === 'reconnecting') {
      redis.connect().catch(() => {
        // Given up below.
      });
    }
    redis.disconnect();
    return;
  }
  // A server that stands still never answers.
  const giveUp = setTimeout(() => redis.disconnect(), QUIT_TIMEOUT_MS);
  // QUIT lets replies under way arrive; a connection that breaks meanwhile is closed all the same.
  await redis.quit().catch(() => redis.disconnect());
  clearTimeout(giveUp);
}

/**
 * After a lost connection ioredis subscribes anew by itself, and hears no refusal: that would end the process. Whoever
 * subscribes hears their own, and `checkSubscription` asks again.
 */
function outliveRefusals(redis: RedisConnection): void {
  const subscribe = redis.subscribe.bind(redis) as (...args: unknown[]) => Promise<unknown>;
  redis.subscribe = ((...args: unknown[]) => {
    const subscribed = subscribe(...args);
    subscribed.catch(() => {
      // Whoever called has it too.
    });
    return subscribed;
  }) as typeof redis.subscribe;
}

function redisOptions(address: RedisAddress, options: OpenOptions): RedisOptions {
  const impatient = options.role === 'impatient';
  const tls = address.tls ? { tls: {} } : {};
  return {
    ...tls,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.kind === 'cluster' ? {} : { db: address.db }),
    connectionName: options.name,
    connectTimeout: 5_000,
    disconnectTimeout: DISCONNECT_MS,
    keepAlive: 10_000,
    maxRetriesPerRequest: impatient ? 1 : null,
    enableAutoPipelining: true,
    // Questions that come by the clock would share a batch with a client's command, and take it down with them.
    autoPipeliningIgnoredCommands: ['info', 'ping'],
    retryStrategy: retryDelayMs,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    // After a failover the old master answers READONLY: reconnect to find the new one, and send again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    ...(impatient ? { commandTimeout: options.commandTimeoutMs ?? 3_000, enableOfflineQueue: false } : {}),
  };
}

function create(address: RedisAddress, options: RedisOptions): RedisConnection {
  const [first] = address.endpoints;
  if (address.kind === 'cluster') {
    return new Cluster(address.endpoints, {
      redisOptions: options,
      enableAutoPipelining: true,
      enableOfflineQueue: options.enableOfflineQueue ?? true,
      clusterRetryStrategy: retryDelayMs,
    });
  }
  if (address.kind === 'sentinel') {
    return createBehindSentinels(address, options);
  }
  return new Redis({ ...options, ...first });
}

/** A host that is gone answers nothing: each step of the way to the new master gives it up soon. */
function createBehindSentinels(address: RedisAddress, options: RedisOptions): Redis {
  const { sentinelUsername, sentinelPassword } = address;
  const connectTimeout = SENTINEL_STEP_MS;
  const redis = new Redis({
    ...options,
    connectTimeout,
    sentinelCommandTimeout: SENTINEL_STEP_MS,
    sentinels: address.endpoints,
    name: address.masterName ?? '',
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(address.tls ? { enableTLSForSentinelMode: true } : {}),
  });
  followFailovers(redis, address, {
    connectTimeout,
    connectionName: `${options.connectionName}:failover`,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    ...(sentinelUsername === undefined ? {} : { username: sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
  });
  return redis;
}

function retryDelayMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), MAX_RETRY_MS) * (0.5 + Math.random() / 2);
}

function withAddress(error: Error, address: RedisAddress): Error {
  // Node's error for a name with several addresses has a code, but no message.
  const { code } = error as { code?: string };
  return new Error(`Redis at ${describeAddress(address)}: ${error.message || code || error.name}`, {
    cause: error,
  });
}
