/** List: the tenant's jobs, the newest first, a page at a time. One connection's lists are read one after another. */
import type { ReadLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';

const DEFAULT_LIMIT = 20;

export function createList({ readLog }: { readLog: ReadLog }): Operation<'list'> {
  return async ({ tenant, reads }, { limit = DEFAULT_LIMIT, ...query }) => {
    const { jobs, cursor } = await reads.take(() => readLog.list(tenant, { ...query, limit }));
    return { result: { jobs, ...(cursor === undefined ? {} : { cursor }) } };
  };
}
