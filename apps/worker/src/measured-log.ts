/** A worker's job log that measures its appends and counts the calls that were not answered. */
import type { WriteLog } from '@cc-executor/job-log';
import type { WorkerMetrics } from './metrics.ts';

/** Wraps the calls that a worker makes. Once per batch of events: cheap, and nothing else of them changes. */
export function measureLog(
  log: WriteLog,
  metrics: Pick<WorkerMetrics, 'appendDuration' | 'appendEvents' | 'redisUnanswered'>,
): WriteLog {
  function counted<A extends unknown[], R>(call: string, ask: (...args: A) => Promise<R>) {
    return (...args: A): Promise<R> =>
      ask(...args).catch((error: unknown) => {
        metrics.redisUnanswered.inc({ call });
        throw error;
      });
  }

  return {
    ...log,
    begin: counted('begin', log.begin),
    renew: counted('renew', log.renew),
    release: counted('release', log.release),
    async append(batch) {
      const askedAt = performance.now();
      try {
        const outcome = await log.append(batch);
        metrics.appendDuration.observe((performance.now() - askedAt) / 1_000);
        metrics.appendEvents.observe(batch.bodies.length);
        return outcome;
      } catch (error) {
        metrics.redisUnanswered.inc({ call: 'append' });
        throw error;
      }
    },
  };
}
