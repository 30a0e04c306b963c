/** What a gateway or worker does about a Redis that may lose jobs: warn, or refuse to start. */
import { type Durability, type RedisConnection, watchDurability } from '@cc-executor/redis';
import { ConfigError, type Logger, logEvents, unlessAborted } from '@cc-executor/runtime';

/**
 * Watches durability, now and whenever the connection has come back. With `strict` it resolves when Redis was judged and
 * fits. Errors: `ConfigError` when it does not; the signal's reason.
 */
export async function guardDurability({
  redis,
  app,
  strict,
  logger,
  signal,
}: {
  redis: RedisConnection;
  app: string;
  strict: boolean;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const watch = watchDurability(redis, ({ state, faults, unchecked }) => {
    const event = logEvents.durabilityFaulty;
    if (state === 'faulty') logger.warn({ event, faults }, 'redis may lose jobs');
    else if (state === 'unknown') logger.info({ unchecked }, 'redis could not be checked for durability');
    else logger.debug('redis keeps what it acknowledges');
  });
  if (!strict) return;
  const faults = faultsOf(await unlessAborted(watch.first, signal));
  if (faults.length === 0) return;
  throw new ConfigError(
    app,
    faults.map((fault) => `STRICT_DURABILITY is true, but Redis does not fit: ${fault}`),
  );
}

/** What a strict service does not accept: also what nobody could look at. */
export function faultsOf({ faults, unchecked }: Durability): string[] {
  return [...faults, ...unchecked];
}
