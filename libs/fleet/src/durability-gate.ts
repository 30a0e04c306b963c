/** What a gateway or worker does about a Redis that may lose jobs: warn, or refuse to start. */
import { type Durability, type RedisConnection, watchDurability } from '@cc-executor/redis';
import { ConfigError, type Logger, logEvents, unlessAborted } from '@cc-executor/runtime';

export type DurabilityGate = {
  /** With `strict`: waits until Redis could be judged. Errors: `ConfigError` when it fails; the signal's reason. */
  pass(): Promise<void>;
};

/** Watches durability: at the start, and whenever the connection has come back. */
export function guardDurability({
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
}): DurabilityGate {
  const watch = watchDurability(redis, ({ state, faults, unchecked }) => {
    const event = logEvents.durabilityFaulty;
    if (state === 'faulty') logger.warn({ event, faults }, 'redis may lose jobs');
    else if (state === 'unknown') logger.info({ unchecked }, 'redis could not be checked for durability');
    else logger.debug('redis keeps what it acknowledges');
  });
  return {
    async pass() {
      if (!strict) return;
      const faults = faultsOf(await unlessAborted(watch.first, signal));
      if (faults.length > 0) {
        throw new ConfigError(
          app,
          faults.map((fault) => `STRICT_DURABILITY is true, but Redis does not fit: ${fault}`),
        );
      }
    },
  };
}

/** What a strict service does not accept: also what nobody could look at. */
export function faultsOf({ faults, unchecked }: Durability): string[] {
  return [...faults, ...unchecked];
}
