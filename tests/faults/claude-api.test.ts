/** claude-api × fault × moment: the right end, and as many calls as the retry policy allows. */
import { type CallEnd, describeViolations, startScriptedUpstream } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';
import { expectEndings, once, policies, type Scene } from './claude-api-calls.ts';
import { type FaultStack, startFaultStack } from './harness.ts';

let faults: FaultStack;
afterEach(() => faults.close());

/** Runs the scenes in a stack with a slot for each, and has the history checked. */
async function play(scenes: Scene[]): Promise<void> {
  faults = await startFaultStack({ env: { WORKER_CONCURRENCY: `${scenes.length}` } });
  const over = faults.recorder.fault('claude-api breaks');
  await expectEndings(faults, scenes);
  over();
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
    // An end to it: three restarts.
    { ends: [end], retry: 'always', expected: failed(code, true), calls: 4 },
  ];
}

test('claude-api · FIN · c d: it is never called again unless the job may always be repeated', () =>
  play(broken('fin', 'upstream_cut', [0, 20])));

test('claude-api · RST · c d: it is never called again unless the job may always be repeated', () =>
  play(broken('rst', 'upstream_cut', [0, 20])));

test('claude-api · no marker · c d e: an answer that ends without evidence is no success', () =>
  play(broken('no-marker', 'upstream_incomplete', [0, 20, 1])));

test('claude-api · 500 · c: it may have begun, so only a job that may always be repeated is called again', () =>
  play([
    ...once({ ends: [{ status: 500 }], expected: failed('upstream_http_error', false) }),
    { ends: [{ status: 500 }, 'complete'], retry: 'always', expected: { type: 'completed' }, calls: 2 },
  ]));

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

test('claude-api · 429 · c: what was refused is called again when upstream said to', () =>
  play(refused(429)));

test('claude-api · 529 · c: what was refused is called again when upstream said to', () =>
  play([...refused(529), ...refused(503)]));

test('claude-api · silent headers · c: the limit of the first output ends the job, under every policy', () =>
  play(
    once(
      {
        ends: ['silent-headers'],
        timeouts: { firstOutputMs: 1_000 },
        expected: { type: 'timed_out', limit: 'firstOutput', partial: false },
      },
      [...policies],
    ),
  ));

test('claude-api · hangs mid-body · c d e: the limits of first output and idleness end the job, under every policy', () =>
  play(
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
  ));

test('claude-api · error result · c d e: what Claude Code itself reports as failed is not called again', () =>
  play(
    [0, 20, 1].flatMap((chunks) =>
      once({ ends: ['error'], chunks, expected: { type: 'failed', partial: chunks > 0 } }, [...policies]),
    ),
  ));

test('claude-api · result only · c d e: the result line is evidence enough', () =>
  play(
    [0, 20, 1].flatMap((chunks) =>
      once({ ends: ['result-only'], chunks, expected: { type: 'completed', evidence: 'result-line' } }, [
        ...policies,
      ]),
    ),
  ));

test('claude-api · garbage · d: a line that is none is passed over, and the text is whole', () =>
  play(
    once({ ends: ['garbage'], expected: { type: 'completed', evidence: 'complete-line' } }, [...policies]),
  ));

test('claude-api · garbage · c: an answer of something else is a failure, and nothing of it is shown', async () => {
  faults = await startFaultStack({ workers: 0 });
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
    const { violations } = await faults.check();
    expect(describeViolations(violations)).toBe('');
  } finally {
    await other.close();
  }
});

test('claude-api · stays open after the result · e: the job completes all the same, and the connection is closed', async () => {
  await play(once({ ends: ['open-after-result'], expected: { type: 'completed', evidence: 'result-line' } }));
  expect(faults.proxies.upstream.connections()).toBe(0);
});
