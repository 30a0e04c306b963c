/** Recording wishes in Redis; the worker of a running job is told in the same step. */
import type { JobStatus, TerminalStatus } from '@cc-executor/protocol';
import { keepsOrder, type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { CancelOutcome, PauseOutcome, WishLog } from './job-log.ts';
import type { Keys } from './keys.ts';
import { ledgerBeside } from './ledger.ts';
import { createJobIndex, unawaited } from './redis-index.ts';
import { defineScripts } from './scripts.ts';

/** @param options.retentionMs how long a job that a cancel ends can be read, in ms */
export function createRedisWishLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): WishLog {
  const { redis, keys, retentionMs } = options;
  const index = createJobIndex(options);
  const scripts = defineScripts(redis, 'cancel', 'pause');

  async function cancel(tenant: string, jobId: string, by: string): Promise<CancelOutcome> {
    // Were we to die in between, it is found among the live ones.
    const marked = index.mark(tenant, jobId, true);
    if (keepsOrder(redis)) unawaited(marked);
    else await marked;
    const [code, status, spent] = await scripts.cancel(
      [keys.record(jobId), keys.log(jobId), ...ledgerBeside(redis, keys)],
      [tenant, keys.channel(jobId), jobId, keys.control, by, retentionMs],
    );
    if (code === 'missing') return { code: 'missing' };
    if (code === 'cancelled') {
      const body = JSON.stringify({ type: 'cancelled', by });
      unawaited(index.ended(tenant, jobId, 'cancelled', { body, spent: String(spent) }));
    }
    if (code === 'terminal') unawaited(index.foundEnded(tenant, jobId, status as TerminalStatus));
    return { code: code as 'cancelled' | 'requested' | 'terminal', status: status as JobStatus };
  }

  async function setPauseWish(tenant: string, jobId: string, wish: boolean): Promise<PauseOutcome> {
    const [code, status] = await scripts.pause(
      [keys.record(jobId)],
      [tenant, jobId, keys.control, wish ? '1' : ''],
    );
    if (code === 'missing') return { code: 'missing' };
    return { code: code as 'recorded' | 'terminal', status: status as JobStatus };
  }

  return {
    cancel: (tenant, jobId, by) => tellErrorsApart(cancel(tenant, jobId, by)),
    setPauseWish: (tenant, jobId, wish) => tellErrorsApart(setPauseWish(tenant, jobId, wish)),
  };
}
