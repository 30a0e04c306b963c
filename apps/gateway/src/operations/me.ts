/** Me: who asks, as the gateway sees it, and how much may be asked for. */
import type { Ceilings } from './ceilings.ts';
import type { Operation } from './operation.ts';

export function createMe({ ceilings }: { ceilings: Ceilings }): Operation<'me'> {
  return async ({ identity: { tenant, scopes, who, jobId } }) => ({
    result: { tenant, scopes: [...scopes], who, ...(jobId !== undefined && { jobId }), ceilings },
  });
}
