/** What requests cost, where a tenant or a key has a quota on that: what reads much costs more. */
import type { OperationName } from './scopes.ts';

/** Of what is refused before it asks for anything. */
export const REFUSAL_COST = 1;

const costs: Partial<Record<OperationName, number>> = {
  ...{
    execute: 5,
    rerun: 5,
    attach: 5,
    eventBody: 5,
    readFile: 5,
    putFile: 5,
    redeliver: 5,
    submitBatch: 20,
  },
  ...{ list: 20, count: 20, getBatch: 20, cancelMany: 20, verify: 20, batchResults: 20, cancelBatch: 20 },
  ...{ listFiles: 20, packFiles: 20, diffFiles: 20, diffJob: 20, overview: 20 },
};

export function costOf(name: OperationName): number {
  return costs[name] ?? 1;
}
