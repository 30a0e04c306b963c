import { expect, test } from 'vitest';
import { createEventReader } from '../client/event-reader.ts';

function readAll(...frames: string[]) {
  const seen: unknown[] = [];
  const reader = createEventReader({
    onOutput: (stampUs, bytes) => seen.push([stampUs, bytes]),
    onEnd: (type) => seen.push(type),
    onFault: (what) => seen.push({ what }),
  });
  for (const frame of frames) reader.read(frame, frame.length);
  return { seen, reader };
}

const output = (seq: number, text: string) => JSON.stringify({ jobId: 'job_1', seq, type: 'output', text });
const other = (seq: number, type: string) => JSON.stringify({ jobId: 'job_1', seq, type });

test('chunks come with their stamps, and the end with its type', () => {
  const frames = [other(1, 'started'), output(2, '@12345@xxx'), output(3, 'no stamp'), other(4, 'timed_out')];
  const { seen } = readAll('{"jsonrpc":"2.0","method":"connected","params":{}}', ...frames);
  expect(seen).toEqual([[12345, frames[1]!.length], [Number.NaN, frames[2]!.length], 'timed_out']);
});

test('a hole, an event that comes twice and one after the end are faults', () => {
  expect(readAll(other(1, 'started'), other(3, 'started')).seen).toEqual([{ what: 'seq 3 came after 1' }]);
  expect(readAll(other(1, 'started'), other(1, 'started')).seen).toEqual([{ what: 'seq 1 came after 1' }]);
  expect(readAll(other(1, 'failed'), other(2, 'started')).seen).toEqual([
    'failed',
    { what: 'an event came after the end' },
  ]);
});

test('a batch is read as the events in it', () => {
  const events = [{ type: 'started' }, { type: 'output', text: '@77@x' }, { type: 'completed' }];
  const frame = JSON.stringify({
    jsonrpc: '2.0',
    method: 'events',
    params: { jobId: 'job_1', firstSeq: 2, events },
  });
  expect(readAll(other(1, 'queued'), frame).seen).toEqual([[77, frame.length / 3], 'completed']);
  expect(readAll(frame).seen[0]).toEqual({ what: 'seq 2 came after 0' });
});

test('the next job begins anew', () => {
  const { seen, reader } = readAll(other(1, 'completed'));
  reader.reset();
  reader.read(other(1, 'completed'), 1);
  expect(seen).toEqual(['completed', 'completed']);
});
