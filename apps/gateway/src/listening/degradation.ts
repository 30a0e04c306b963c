/**
 * What is wrong with Redis, as clients are told: the gravest of it, again when that changes, and once that all is well.
 */
import type { Logger } from '@cc-executor/runtime';
import type { GatewayMetrics } from '../metrics.ts';

const troubles = {
  unreadable: 'the gateway cannot reach Redis',
  disk_full: 'Redis cannot write: its disk is full',
  no_replicas: 'Redis takes no writes: too few replicas follow it',
  memory_full: 'Redis is full',
} as const;

/** The gravest first. */
type Trouble = keyof typeof troubles;

export type Degradation = {
  /** In words; undefined while all is well. */
  reason(): string | undefined;
  set(trouble: Trouble, isSo: boolean): void;
};

/** @param options.tell is called whenever the reason changes */
export function createDegradation(options: {
  tell: (reason: string | undefined) => void;
  metrics: Pick<GatewayMetrics, 'degraded'>;
  logger: Logger;
}): Degradation {
  const { tell, metrics, logger } = options;
  const present = new Set<Trouble>();
  let told: string | undefined;

  function reason(): string | undefined {
    const gravest = (Object.keys(troubles) as Trouble[]).find((trouble) => present.has(trouble));
    return gravest && troubles[gravest];
  }

  return {
    reason,
    set(trouble, isSo) {
      if (isSo) present.add(trouble);
      else present.delete(trouble);
      const now = reason();
      if (now === told) return;
      told = now;
      metrics.degraded.set(now === undefined ? 0 : 1);
      if (now === undefined) logger.warn('no longer degraded');
      else logger.warn({ reason: now }, 'degraded');
      tell(now);
    },
  };
}
