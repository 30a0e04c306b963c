/** Count: how many of the tenant's jobs a filter names: what cancelling or running all of them again would hit. */
import type { ReadLog } from '@cc-executor/job-log';
import { filterOf } from './filter.ts';
import type { Operation } from './operation.ts';

/** Errors: those of `filterOf`. */
export function createCount({
  readLog,
  showTitles,
}: {
  readLog: ReadLog;
  showTitles: boolean;
}): Operation<'count'> {
  return async ({ tenant, reads }, named) => {
    const filter = filterOf(named, showTitles);
    return { result: await reads.take(() => readLog.count(tenant, filter)) };
  };
}
