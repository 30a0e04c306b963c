/** Cancel many: what `list` finds, a page at a time, each job as `cancel` does it. A job that has ended is left out. */
import type { ReadLog, WishLog } from '@cc-executor/job-log';
import { isTerminal } from '@cc-executor/protocol';
import { filterOf } from './filter.ts';
import type { Operation } from './operation.ts';
import { reachOf } from './reach.ts';

const DEFAULT_LIMIT = 100;

/** Of a call that was cut short the rest is cancelled by the same call again. Errors: those of `filterOf` and `reachOf`. */
export function createCancelMany({
  readLog,
  wishLog,
  showTitles,
}: {
  readLog: ReadLog;
  wishLog: WishLog;
  showTitles: boolean;
}): Operation<'cancelMany'> {
  return async ({ identity, reads }, { limit = DEFAULT_LIMIT, cursor, tenant: wanted, ...named }) => {
    const reach = reachOf(identity, wanted);
    const filter = filterOf({ status: 'unfinished', ...named }, showTitles);
    const page = await reads.take(() => readLog.list(reach, { ...filter, limit, cursor }));
    const unfinished = page.jobs.filter(({ status }) => !isTerminal(status));
    const jobs = await Promise.all(
      unfinished.map(async ({ jobId, tenant }) => {
        const outcome = await wishLog.cancel(tenant, jobId, 'client');
        // Its retention has passed meanwhile.
        if (outcome.code === 'missing') return [];
        return [{ jobId, status: outcome.status, accepted: outcome.code !== 'terminal' }];
      }),
    );
    return { result: { jobs: jobs.flat(), ...(page.cursor === undefined ? {} : { cursor: page.cursor }) } };
  };
}
