/** List: the tenant's jobs, the newest first, a page at a time. One connection's lists are read one after another. */
import type { ReadLog } from '@cc-executor/job-log';
import { filterOf, shownJob } from './filter.ts';
import type { Operation } from './operation.ts';

const DEFAULT_LIMIT = 20;

/** Errors: those of `filterOf`. */
export function createList({
  readLog,
  showTitles,
}: {
  readLog: ReadLog;
  showTitles: boolean;
}): Operation<'list'> {
  return async ({ tenant, reads }, { limit = DEFAULT_LIMIT, cursor: from, ...named }) => {
    const query = { ...filterOf(named, showTitles), limit, cursor: from };
    const { jobs, cursor } = await reads.take(() => readLog.list(tenant, query));
    const shown = jobs.map((job) => shownJob(job, showTitles));
    return { result: { jobs: shown, ...(cursor === undefined ? {} : { cursor }) } };
  };
}
