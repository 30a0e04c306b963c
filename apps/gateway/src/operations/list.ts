/** List: the tenant's jobs, the newest first, a page at a time. */
import type { ReadLog } from '@cc-executor/job-log';
import type { Operation } from './operation.ts';

const DEFAULT_LIMIT = 20;

export function createList({ readLog }: { readLog: ReadLog }): Operation<'list'> {
  return async ({ tenant }, { limit = DEFAULT_LIMIT, ...query }) => {
    const { jobs, cursor } = await readLog.list(tenant, { ...query, limit });
    return { result: { jobs, ...(cursor === undefined ? {} : { cursor }) } };
  };
}
