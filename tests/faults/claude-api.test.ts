/**
 * claude-api × fault × moment: the right end, and as many calls as the retry policy allows; also where it is down, goes away,
 * or is scaled down beneath running jobs.
 */
import {
  type CallEnd,
  describeViolations,
  type HowToCut,
  planText,
  startScriptedUpstream,
} from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { callsOf, expectEndings, once, policies, type Scene } from './claude-api-calls.ts';
import { type FaultStack, startFaultStack } from './harness.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

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

describe('one that is not there, or is another', () => {
  // For their reports workers ask claude-api, too: those bytes may not be among the ones that are counted.
  const stack = shareFaultStack(() => startFaultStack({ env: { SERVICE_REPORT_MS: '60s' } }));
  let faults: FaultStack;
  beforeEach(() => {
    faults = stack();
  });

  function untilThrottled({ wire }: RecordingClient, jobId: string) {
    return wire.until(({ params }) => params?.jobId === jobId && params.type === 'throttled');
  }

  test('claude-api · down · c: jobs wait for it inside their deadline, with one call in the end; never means never', async () => {
    const { proxies, recorder } = faults;
    const client = await faults.client();
    const over = recorder.fault('claude-api down');
    await proxies.upstream.set({ refuse: 'refused' });
    const { plan, prompt } = faults.plan();
    const safe = await client.execute({ prompt });
    const always = await client.execute({ prompt, retry: 'always' });
    const never = await client.execute({ prompt, retry: 'never' });
    const short = await client.execute({ prompt, timeouts: { totalMs: 1_000 } });
    const unreachable = { type: 'failed', error: { code: 'upstream_unreachable', retrySafe: true } };
    expect(await client.terminal(never)).toMatchObject({ ...unreachable, partial: false });
    expect(['failed', 'timed_out']).toContain((await client.terminal(short)).type);
    await Promise.all([untilThrottled(client, safe), untilThrottled(client, always)]);
    await proxies.upstream.reset();
    over();
    for (const jobId of [safe, always]) {
      expect(await client.terminal(jobId)).toMatchObject({ type: 'completed', text: planText(plan) });
      expect(callsOf(faults, jobId)).toHaveLength(1);
    }
    for (const jobId of [never, short]) expect(callsOf(faults, jobId)).toHaveLength(0);
    await expectNoViolations(faults);
  });

  test('claude-api · down · d: it dies mid-stream; a job that may always be repeated waits for it and begins anew', async () => {
    const { proxies, recorder, upstream } = faults;
    const client = await faults.client();
    const { plan, prompt } = faults.plan({ chunks: 100 });
    const safe = await client.execute({ prompt });
    const always = await client.execute({ prompt, retry: 'always' });
    await Promise.all([safe, always].map((jobId) => upstream.untilOutput(jobId)));
    await client.wire.until(({ params }) => params?.jobId === always && params.type === 'output');
    await client.wire.until(({ params }) => params?.jobId === safe && params.type === 'output');
    const over = recorder.fault('claude-api dies');
    await proxies.upstream.set({ refuse: 'refused' });
    proxies.upstream.cutAll('rst');
    const cut = { type: 'failed', error: { code: 'upstream_cut', retrySafe: false }, partial: true };
    expect(await client.terminal(safe)).toMatchObject(cut);
    await untilThrottled(client, always);
    await proxies.upstream.reset();
    over();
    expect(await client.terminal(always)).toMatchObject({ type: 'completed', text: planText(plan) });
    expect(client.wire.events(always).map(({ type }) => type)).toContain('reset');
    expect([callsOf(faults, safe).length, callsOf(faults, always).length]).toEqual([1, 2]);
    await expectNoViolations(faults);
  });

  /** Resolves when its first report is out, which it may be at any time after its start. */
  async function untilWorkerHasLooked(): Promise<void> {
    const reports = async () => Object.keys(await faults.redis.admin.hgetall('cce:{services}'));
    await vi.waitUntil(async () => (await reports()).some((id) => id.startsWith('worker-')), {
      timeout: 10_000,
    });
  }

  /** Plays an answer that is cut right behind its result line, and one that is cut in the middle of that line. */
  async function cutAtResult(cutBy: HowToCut): Promise<void> {
    const { proxies, recorder } = faults;
    const client = await faults.client();
    await untilWorkerHasLooked();
    const before = proxies.upstream.counters().bytesToClient;
    const whole = await client.execute({ prompt: faults.plan({ chunks: 3, ends: ['result-only'] }).prompt });
    await client.terminal(whole);
    const resultBytes = proxies.upstream.counters().bytesToClient - before - '0\r\n\r\n'.length;
    for (const missing of [0, 40]) {
      const { plan, prompt } = faults.plan({ chunks: 3 });
      const over = recorder.fault(`cut ${missing} bytes before the result's end`);
      await proxies.upstream.set({ toClient: { cutAfterBytes: resultBytes - missing }, cutBy });
      const jobId = await client.execute({ prompt });
      const terminal = await client.terminal(jobId);
      await proxies.upstream.reset();
      over();
      expect(terminal).toMatchObject(
        missing === 0
          ? { type: 'completed', evidence: 'result-line', text: planText(plan) }
          : { type: 'failed', error: { code: 'upstream_cut', retrySafe: false }, partial: true },
      );
      expect(callsOf(faults, jobId)).toHaveLength(1);
    }
    await expectNoViolations(faults);
  }

  test('claude-api · FIN · e: behind the result the job is completed, before its end it was cut', () =>
    cutAtResult('fin'));

  test('claude-api · RST · e: behind the result the job is completed, before its end it was cut', () =>
    cutAtResult('rst'));

  test('claude-api · scaled down while running · c d e: calls under way end well, and new ones wait for a place', async () => {
    const { proxies, recorder, upstream } = faults;
    const client = await faults.client();
    const callsBefore = upstream.calls().length;
    const plans = {
      claimed: faults.plan({ chunks: 1, paceMs: 1_000 }),
      streaming: faults.plan({ chunks: 50 }),
      finishing: faults.plan({ paceMs: 0, ends: ['pause'] }),
      next: faults.plan(),
    };
    const claimed = await client.execute({ prompt: plans.claimed.prompt });
    const streaming = await client.execute({ prompt: plans.streaming.prompt });
    const finishing = await client.execute({ prompt: plans.finishing.prompt });
    await Promise.all([streaming, finishing].map((jobId) => upstream.untilOutput(jobId)));
    await upstream.untilCalls(callsBefore + 3);
    const over = recorder.fault('claude-api scaled down');
    await proxies.upstream.set({ refuse: 'refused' });
    upstream.release();
    const next = await client.execute({ prompt: plans.next.prompt });
    await untilThrottled(client, next);
    const running = { claimed, streaming, finishing };
    for (const [moment, jobId] of Object.entries(running)) {
      const text = planText(plans[moment as keyof typeof running].plan);
      expect(await client.terminal(jobId), moment).toMatchObject({ type: 'completed', text });
    }
    await proxies.upstream.reset();
    over();
    expect(await client.terminal(next)).toMatchObject({ type: 'completed', text: planText(plans.next.plan) });
    for (const jobId of [claimed, streaming, finishing, next]) expect(callsOf(faults, jobId)).toHaveLength(1);
    await expectNoViolations(faults);
  });

  test('claude-api · stays open after the result · e: the job completes all the same, and the connection is closed', async () => {
    const over = faults.recorder.fault('claude-api keeps its answer open');
    await expectEndings(
      faults,
      once({ ends: ['open-after-result'], expected: { type: 'completed', evidence: 'result-line' } }),
    );
    over();
    await expectNoViolations(faults);
    expect(faults.proxies.upstream.connections()).toBe(0);
  });

  // Last, for with another worker there would be another first report.
  test('claude-api · garbage · c: an answer of something else is a failure, and nothing of it is shown', async () => {
    await faults.stack.workers[0]?.stop();
    const other = await startScriptedUpstream({
      headers: { 'content-type': 'text/html' },
      steps: [{ raw: '<html><body>a gateway of somebody else</body></html>\n' }],
    });
    try {
      const worker = await faults.startWorker({ CLAUDE_API_URL: other.url });
      onTestFinished(async () => void (await worker.stop()));
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
});
