/** What is made of a batch is made once for all who are sent it, be it a publication or part of a page that several read. */
import type { StoredBatch } from '@cc-executor/job-log';

export function oncePerBatch<T>(make: (batch: StoredBatch) => T): (batch: StoredBatch) => T {
  const known = new WeakMap<StoredBatch, T>();
  return (batch) => {
    const before = known.get(batch);
    if (before !== undefined) return before;
    const made = make(batch);
    known.set(batch, made);
    return made;
  };
}
