/**
 * What is made of a publication is made once: its listeners are served one right after the other, with the same batch, so
 * remembering the last one is enough.
 */
import type { StoredBatch } from '@cc-executor/job-log';

export function rememberLast<T>(make: (batch: StoredBatch) => T): (batch: StoredBatch) => T {
  let last: { of: StoredBatch; made: T } | undefined;
  return (batch) => {
    if (last?.of !== batch) last = { of: batch, made: make(batch) };
    return last.made;
  };
}
