/** Count: how many jobs a filter names: what cancelling or running all of them again would hit. */
import type { ReadLog } from '@cc-executor/job-log';
import { filterOf } from './filter.ts';
import type { Operation } from './operation.ts';
import { reachOf } from './reach.ts';

/** Errors: those of `filterOf` and `reachOf`. */
export function createCount({
  readLog,
  showTitles,
}: {
  readLog: ReadLog;
  showTitles: boolean;
}): Operation<'count'> {
  return async ({ identity, reads }, { tenant, ...named }) => {
    const reach = reachOf(identity, tenant);
    const filter = filterOf(named, showTitles);
    return { result: await reads.take(() => readLog.count(reach, filter)) };
  };
}
