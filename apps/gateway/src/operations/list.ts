/** List: jobs of the tenant, or of all, the newest first, a page at a time. One connection's lists are read one after another. */
import type { ReadLog } from '@cc-executor/job-log';
import { filterOf, shownJob } from './filter.ts';
import type { Operation } from './operation.ts';
import { reachOf, seesAll } from './reach.ts';

const DEFAULT_LIMIT = 20;

/** Errors: those of `filterOf` and `reachOf`. */
export function createList({
  readLog,
  showTitles,
}: {
  readLog: ReadLog;
  showTitles: boolean;
}): Operation<'list'> {
  return async ({ identity, reads }, { limit = DEFAULT_LIMIT, cursor: from, tenant, ...named }) => {
    const reach = reachOf(identity, tenant);
    const query = { ...filterOf(named, showTitles), limit, cursor: from };
    const { jobs, cursor } = await reads.take(() => readLog.list(reach, query));
    const shown = jobs.map((job) => shownJob(job, { showTitles, showTenant: seesAll(identity) }));
    return { result: { jobs: shown, ...(cursor === undefined ? {} : { cursor }) } };
  };
}
