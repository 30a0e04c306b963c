import { createEpoch, createJobId, type JobEvent } from '@cc-executor/protocol';
import type { Moment } from '@cc-executor/timeline';
import { expect, test } from 'vitest';
import { bulkFilter, listQuery, pageAddress } from '../../src/browser/filters.ts';
import { formatDuration } from '../../src/browser/format.ts';
import { createOutputText } from '../../src/browser/output-text.ts';
import { spansOf } from '../../src/browser/spans.ts';

const head = { jobId: createJobId(), epoch: createEpoch(), attempt: 1, time: 1 };
type Text = Extract<JobEvent, { type: 'output' | 'reset' }>;
const output = (seq: number, text: string) => ({ ...head, type: 'output', seq, text }) as Text;

test.each([
  ['', 'limit=50'],
  ['status=failed&age=1h', 'limit=50&status=failed&since=1000'],
  ['status=nonsense&age=never', 'limit=50'],
  ['q=job_01ab', 'limit=50&idPrefix=job_01ab'],
  ['q=customer=a b', 'limit=50&metadata%5Bcustomer%5D=a+b'],
  ['q= fix the tests ', 'limit=50&text=fix+the+tests'],
  ['cursor=1:job_1&status=', 'limit=50&cursor=1%3Ajob_1'],
  ['q=JOB_1', 'limit=50&text=JOB_1'],
  ['q=abcd', 'limit=50&text=abcd'],
  ['q=abcdef01', 'limit=50&idPrefix=job_abcdef01'],
  ['from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:03Z', 'limit=50&since=2000&before=3000'],
])('the address ?%s lists by ?%s', (page, query) => {
  expect(String(listQuery(new URLSearchParams(page), 3_601_000))).toBe(query);
});

test.each([
  ['', 'cancel', 'before=5&status=unfinished'],
  ['status=running&cursor=1:job_1', 'cancel', 'status=running&before=5'],
  ['status=failed', 'cancel', undefined],
  ['status=failed&to=1970-01-01T00:00:03Z', 'rerun', 'status=failed&before=3000'],
  ['', 'rerun', 'before=5'],
] as const)('of the address ?%s all that %s hits fit %s', (page, operation, query) => {
  expect(bulkFilter(new URLSearchParams(page), { operation, now: 5 })?.toString()).toBe(query);
});

test('older jobs are of the same filter', () => {
  const page = new URLSearchParams('status=failed&cursor=1');
  expect(pageAddress(page, 'cursor', '2')).toBe('/jobs?status=failed&cursor=2');
  expect(pageAddress(page, 'cursor', undefined)).toBe('/jobs?status=failed');
});

test.each([
  [7, '7 ms'],
  [4_260, '4.2 s'],
  [60_000, '1 min'],
  [200_400, '3 min 20 s'],
  [90_000_000, '1 d 1 h'],
])('%d ms are %s', (ms, words) => {
  expect(formatDuration(ms)).toBe(words);
});

test('of a long output the beginning and the end are kept, and it is told how much is not', () => {
  const text = createOutputText();
  let length = 0;
  for (let seq = 1; seq <= 400; seq++) {
    text.take(output(seq, `${seq};`.padEnd(1_000)));
    length += 1_000;
  }
  const { head, cut, tail } = text.parts();
  expect(head.startsWith('1;')).toBe(true);
  expect(tail.trim().endsWith('400;')).toBe(true);
  expect(head.length + tail.length).toBeLessThan(125_000);
  expect(head.length + cut + tail.length).toBe(length);
});

test('what an attempt said that is discarded is not shown', () => {
  const text = createOutputText();
  text.take(output(3, 'wrong'));
  text.take({ ...head, type: 'reset', seq: 4, discardFromSeq: 3, reason: 'x' } as Text);
  text.take(output(5, 'right'));
  expect(text.parts()).toEqual({ head: 'right', cut: 0, tail: '' });
});

test('what a moment began goes on until what ends it, or still', () => {
  const moment = (kind: Moment['kind'], at: number, more = {}) => ({
    kind,
    at,
    attempt: 1,
    title: kind,
    ...more,
  });
  const { spans, totalMs } = spansOf(
    [
      moment('queued', 100),
      moment('started', 150),
      moment('tool', 160, { durationMs: 20 }),
      moment('paused', 200),
    ],
    300,
  );
  expect(totalMs).toBe(200);
  expect(spans.map(({ fromMs, spanMs, isOpen }) => [fromMs, spanMs, isOpen])).toEqual([
    [0, 50, false],
    [50, 150, true],
    [60, 20, false],
    [100, 100, true],
  ]);
});
