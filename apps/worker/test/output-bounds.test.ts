/** What one job may put out, and what becomes of one that puts out more. */
import { createHash } from 'node:crypto';
import { emptyFold, foldEvents, foldedText } from '@cc-executor/protocol';
import { afterEach, expect, test } from 'vitest';
import {
  type Bench,
  createBench,
  end,
  failure,
  PLENTY,
  type Step,
  started,
  success,
  TENANT,
  text,
} from './harness.ts';

const KB = 1024;

let bench: Bench;
afterEach(() => bench.close());

/** Puts out for as long as nobody stops it. */
function endless(): Step[] {
  return [[started], ...Array.from({ length: 1_000 }, () => [text('x'.repeat(16 * KB))])];
}

function big(label: string) {
  return { type: 'message' as const, message: { type: 'user', label, content: 'y'.repeat(300 * KB) } };
}

test.each(['safe', 'always'] as const)(
  'a job that puts out more than it may is stopped and fails, once, with all its output kept (retry %s)',
  async (retry) => {
    const bounds = { ...PLENTY, maxOutputBytes: 200 * KB };
    bench = await createBench({ scripts: [endless()], spec: { retry }, bounds });
    expect(await bench.process()).toMatchObject({ status: 'failed', error: 'output_too_large' });
    const events = await bench.events();
    const last = events.at(-1);
    expect(last).toMatchObject({
      type: 'failed',
      error: {
        code: 'output_too_large',
        retrySafe: false,
        message: expect.stringContaining(`${200 * KB} bytes`),
      },
      partial: true,
    });
    expect(bench.claudeApi.calls).toHaveLength(1);
    expect(bench.claudeApi.calls[0]?.options.signal?.aborted).toBe(true);
    const length = foldedText(foldEvents(emptyFold, events)).length;
    expect(length).toBeGreaterThan(150 * KB);
    // What was under way when it was noticed.
    expect(length).toBeLessThan(8 * 1024 * KB);
  },
);

test('what an earlier attempt has put out counts', async () => {
  const bounds = { ...PLENTY, maxOutputBytes: 100 * KB };
  bench = await createBench({
    scripts: [[[started, text('a')], ...endless().slice(-1)]],
    spec: { retry: 'always' },
    bounds,
  });
  const { log, jobId } = bench;
  const begun = await log.begin(jobId, 60_000, 'the one before');
  const body = JSON.stringify({ type: 'output', text: 'x'.repeat(100 * KB) });
  await log.append({ jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: true });
  expect(begun.code).toBe('begun');
  await log.release(jobId, 1, true);
  expect(await bench.process()).toMatchObject({ status: 'failed', error: 'output_too_large' });
});

test('a large message of any attempt can be fetched while there is room for it; the digest is that of the text', async () => {
  const retried = end(failure('upstream_cut'));
  const first: Step[] = [[started, text('a', true), big('first')], retried];
  const second: Step[] = [[started, text('Hello', true), big('second'), big('third')], [success]];
  const size = JSON.stringify(big('first').message).length;
  const bounds = { ...PLENTY, maxBodyBytes: 2 * size + 10 };
  bench = await createBench({ scripts: [first, second], spec: { retry: 'always' }, bounds });
  expect(await bench.process()).toMatchObject({ status: 'completed' });
  const events = await bench.events();
  expect(foldedText(foldEvents(emptyFold, events))).toBe('Hello');
  const messages = events.filter((event) => event.type === 'message');
  expect(messages.map(({ message, truncated }) => [message.label, truncated?.kept])).toEqual([
    ['first', true],
    ['second', true],
    ['third', false],
  ]);
  for (const { seq, truncated, message } of messages.slice(0, 2)) {
    let whole = '';
    while (Buffer.byteLength(whole) < (truncated?.bytes ?? 0)) {
      const page = await bench.log.body(TENANT, bench.jobId, { seq, offset: Buffer.byteLength(whole) });
      if (page?.code !== 'page') throw new Error(`no page: ${page?.code}`);
      whole += page.text;
    }
    expect(JSON.parse(whole)).toEqual(big(String(message.label)).message);
    expect(createHash('sha256').update(whole).digest('hex')).toBe(truncated?.sha256);
  }
});
