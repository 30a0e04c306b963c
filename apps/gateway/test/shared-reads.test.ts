/** Readers of one log at the same time: of an ended one they share what is read, of one that grows each sees what was there when it asked. */
import type { Page, ReadLog } from '@cc-executor/job-log';
import { expect, test } from 'vitest';
import { shareReads } from '../src/listening/shared-reads.ts';

const stretch = { afterSeq: 0, maxEvents: 10, maxBytes: 100 };

/** A log whose reads are answered by the test. */
function openLog() {
  const reads: PromiseWithResolvers<Page | undefined>[] = [];
  const range: ReadLog['range'] = () => {
    const read = Promise.withResolvers<Page | undefined>();
    reads.push(read);
    return read.promise;
  };
  return { reads, shared: shareReads({ range } as ReadLog) };
}

const pageOf = (status: Page['status'], lastSeq: number): Page => ({
  epoch: 'e',
  lastSeq,
  status,
  batches: [],
});
/** When everything that has been decided has been done. */
const settled = () => new Promise(setImmediate);

test('the page of an ended job is read once for all who ask for it meanwhile, and again for who asks later', async () => {
  const { reads, shared } = openLog();
  const pages = Array.from({ length: 20 }, () => shared.range('t', 'job', stretch));
  await settled();
  expect(reads).toHaveLength(1);
  const page = pageOf('completed', 7);
  reads[0]?.resolve(page);
  for (const one of pages) expect(await one).toBe(page);
  void shared.range('t', 'job', stretch);
  await settled();
  expect(reads).toHaveLength(2);
});

test.each([
  ['runs', pageOf('running', 3)],
  ['is not there', undefined],
])('a job that %s is read anew by who asked after the first', async (_, first) => {
  const { reads, shared } = openLog();
  const one = shared.range('t', 'job', stretch);
  const other = shared.range('t', 'job', stretch);
  reads[0]?.resolve(first);
  expect(await one).toBe(first);
  await settled();
  const later = pageOf('completed', 4);
  reads[1]?.resolve(later);
  expect(await other).toBe(later);
});

test('another stretch, job or tenant is another read', async () => {
  const { reads, shared } = openLog();
  void shared.range('t', 'job', stretch);
  void shared.range('t', 'job', { ...stretch, afterSeq: 1 });
  void shared.range('t', 'other', stretch);
  void shared.range('u', 'job', stretch);
  await settled();
  expect(reads).toHaveLength(4);
});

test('a read that fails fails for those who wait for it, and for nobody who asks later', async () => {
  const { reads, shared } = openLog();
  const both = [shared.range('t', 'job', stretch), shared.range('t', 'job', stretch)];
  reads[0]?.reject(new Error('away'));
  for (const one of await Promise.allSettled(both)) expect(one.status).toBe('rejected');
  const later = shared.range('t', 'job', stretch);
  await settled();
  reads[1]?.resolve(pageOf('completed', 1));
  expect((await later)?.lastSeq).toBe(1);
});
