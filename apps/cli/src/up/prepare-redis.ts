/** Before anything starts: chooses the Redis of the stack, says which and why, and waits for one that is not ours. */
import { randomBytes } from 'node:crypto';
import { chooseRedis, NoRedisError } from '@cc-executor/local-redis';
import { claimDataFolder } from './data-folder.ts';
import { probeRedisServer, waitUntilReady } from './probes.ts';
import type { Reporter } from './reporter.ts';
import type { UpConfig } from './settings.ts';
import { planRedis, type StackRedis } from './stack-redis.ts';
import { UpError } from './up-error.ts';

const REDIS_WAIT_MS = 5_000;

/**
 * Resolves to undefined when `signal` is aborted, and nothing that was begun goes on then.
 *
 * @param options.path where an installed server is looked for
 * @throws UpError when there is no Redis, or it does not answer
 */
export async function prepareRedis(options: {
  config: UpConfig;
  path: string | undefined;
  port: number;
  reporter: Reporter;
  signal: AbortSignal;
}): Promise<StackRedis | undefined> {
  const { config, path, reporter, signal } = options;
  try {
    const choice = await chooseRedis({
      redisUrl: config.redisUrl,
      path,
      mayFetch: config.fetchRedis,
      signal,
      onFetch: (folder) =>
        reporter.say(
          `no Redis is installed: fetching one with apt-get into ${folder} (FETCH_REDIS=off forbids it)`,
        ),
    });
    const redis = planRedis(choice, {
      host: config.loopback,
      port: options.port,
      folder: config.dataDir,
      password: randomBytes(32).toString('hex'),
    });
    // That none is installed is worth a warning only where none could be had at all.
    const reasons = choice.passedOver.filter(
      (reason) => redis.kind === 'embedded' || reason.includes('cannot run'),
    );
    if (reasons.length > 0) reporter.warn(`redis: ${reasons.join('; ')}`);
    if (redis.kind === 'embedded') reporter.warn(`redis: ${redis.description}`);
    if ('program' in choice) claimDataFolder(config.dataDir);
    if (redis.kind === 'external') await awaitExternal(redis, reporter, signal);
    return redis;
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof NoRedisError) throw new UpError(error.message, { cause: error });
    throw error;
  }
}

async function awaitExternal(redis: StackRedis, reporter: Reporter, signal: AbortSignal): Promise<void> {
  try {
    await waitUntilReady({
      probe: probeRedisServer(redis.url),
      timeoutMs: REDIS_WAIT_MS,
      signal,
      tellEveryMs: 1_500,
      onWaiting: (detail) => reporter.say(`waiting for ${redis.description}: ${detail}`),
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new UpError(`no Redis at ${redis.description}: ${(error as Error).message}`, { cause: error });
  }
}
