/** claude-api × fault × moment: the right end, and as many calls as the retry policy allows. */
import { type CallEnd, describeViolations, startScriptedUpstream } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { expectEndings, once, policies, type Scene } from './claude-api-calls.ts';
import { type FaultStack, startFaultStack } from './harness.ts';

async function expectNoViolations(faults: FaultStack): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

function failed(code: string, partial: boolean, retrySafe = false): Scene['expected'] {
  return { type: 'failed', error: { code, retrySafe }, partial };
}

/** A call that had begun and broke off, with so many chunks planned. */
function broken(end: CallEnd, code: string, counts: number[]): Scene[] {
  const completed = { type: 'completed', evidence: 'complete-line' } as const;
  const atMoment = (chunks: number): Scene[] => [
    ...once({ ends: [end], chunks, expected: failed(code, chunks > 0) }),
    { ends: [end, 'complete'], chunks, retry: 'always', expected: completed, calls: 2 },
  ];
  return [
    ...counts.flatMap(atMoment),
    // An end to it: three attempts.
    { ends: [end], retry: 'always', expected: failed(code, true), calls: 3 },
  ];
}

/** A call that was refused before it began. */
function refused(status: 429 | 503 | 529): Scene[] {
  const ends: CallEnd[] = [{ status, retryAfterS: 1 }, { status }, 'complete'];
  const completed = { type: 'completed' } as const;
  return [
    { ends, retry: 'safe', expected: completed, calls: 3 },
    { ends, retry: 'always', expected: completed, calls: 3 },
    { ends, retry: 'never', expected: failed('upstream_busy', false, true), calls: 1 },
    // The wait that is asked for would outlive the job.
    {
      ends: [{ status, retryAfterS: 3_600 }],
      timeouts: { totalMs: 60_000 },
      retry: 'safe',
      expected: failed('upstream_busy', false, true),
      calls: 1,
    },
  ];
}

/** What upstream does, and what comes of it. */
const cases: Record<string, Scene[]> = {
  'claude-api · FIN · c d: it is never called again unless the job may always be repeated': broken(
    'fin',
    'upstream_cut',
    [0, 20],
  ),
  'claude-api · RST · c d: it is never called again unless the job may always be repeated': broken(
    'rst',
    'upstream_cut',
    [0, 20],
  ),
  'claude-api · no marker · c d e: an answer that ends without evidence is no success': broken(
    'no-marker',
    'upstream_incomplete',
    [0, 20, 1],
  ),
  'claude-api · 500 · c: it may have begun, so only a job that may always be repeated is called again': [
    ...once({ ends: [{ status: 500 }], expected: failed('upstream_http_error', false) }),
    { ends: [{ status: 500 }, 'complete'], retry: 'always', expected: { type: 'completed' }, calls: 2 },
  ],
  'claude-api · 429 · c: what was refused is called again when upstream said to': refused(429),
  'claude-api · 529 · c: what was refused is called again when upstream said to': [
    ...refused(529),
    ...refused(503),
  ],
  'claude-api · silent headers · c: the limit of the first output ends the job, under every policy': once(
    {
      ends: ['silent-headers'],
      timeouts: { firstOutputMs: 1_000 },
      expected: { type: 'timed_out', limit: 'firstOutput', partial: false },
    },
    [...policies],
  ),
  'claude-api · hangs mid-body · c d e: the limits of first output and idleness end the job, under every policy':
    [0, 20, 1].flatMap((chunks) =>
      once(
        {
          ends: ['hang'],
          chunks,
          timeouts: { firstOutputMs: 2_000, idleMs: 1_000 },
          expected: { type: 'timed_out', limit: chunks === 0 ? 'firstOutput' : 'idle', partial: chunks > 0 },
        },
        [...policies],
      ),
    ),
  'claude-api · error result · c d e: what Claude Code itself reports as failed is not called again': [
    0, 20, 1,
  ].flatMap((chunks) =>
    once({ ends: ['error'], chunks, expected: { type: 'failed', partial: chunks > 0 } }, [...policies]),
  ),
  'claude-api · result only · c d e: the result line is evidence enough': [0, 20, 1].flatMap((chunks) =>
    once({ ends: ['result-only'], chunks, expected: { type: 'completed', evidence: 'result-line' } }, [
      ...policies,
    ]),
  ),
  'claude-api · garbage · d: a malformed line is passed over, and the text is whole': once(
    { ends: ['garbage'], expected: { type: 'completed', evidence: 'complete-line' } },
    [...policies],
  ),
};

// One stack for all of them, with a slot for each: they do not meet.
describe('one call', () => {
  let faults: FaultStack;
  let over: () => void;

  beforeAll(async () => {
    const scenes = Object.values(cases).flat().length;
    faults = await startFaultStack({ env: { WORKER_CONCURRENCY: `${scenes}` } });
    over = faults.recorder.fault('claude-api breaks');
  });
  afterAll(() => faults?.close());

  describe.concurrent('that goes wrong', () => {
    test.each(Object.entries(cases))('%s', (_, scenes) => expectEndings(faults, scenes));
  });

  test('none of these breaks an invariant', async () => {
    over();
    await expectNoViolations(faults);
  });
});

test('claude-api · garbage · c: an answer of something else is a failure, and nothing of it is shown', async () => {
  const faults = await startFaultStack({ workers: 0 });
  onTestFinished(() => faults.close());
  const other = await startScriptedUpstream({
    headers: { 'content-type': 'text/html' },
    steps: [{ raw: '<html><body>a gateway of somebody else</body></html>\n' }],
  });
  try {
    await faults.startWorker({ CLAUDE_API_URL: other.url });
    const client = await faults.client();
    const jobId = await client.execute({ prompt: 'x' });
    expect(await client.terminal(jobId)).toMatchObject(failed('upstream_garbage', false));
    expect(client.wire.events(jobId).map(({ type }) => type)).toEqual(['queued', 'failed']);
    expect(other.calls).toHaveLength(1);
    await expectNoViolations(faults);
  } finally {
    await other.close();
  }
});

test('claude-api · stays open after the result · e: the job completes all the same, and the connection is closed', async () => {
  const faults = await startFaultStack();
  onTestFinished(() => faults.close());
  const over = faults.recorder.fault('claude-api keeps its answer open');
  await expectEndings(
    faults,
    once({ ends: ['open-after-result'], expected: { type: 'completed', evidence: 'result-line' } }),
  );
  over();
  await expectNoViolations(faults);
  expect(faults.proxies.upstream.connections()).toBe(0);
});
