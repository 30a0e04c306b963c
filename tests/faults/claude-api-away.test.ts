/** claude-api × not there × moment: it is down, goes away, or is scaled down beneath running jobs. */
import { describeViolations, type HowToCut, planText } from '@cc-executor/testing';
import { expect, test, vi } from 'vitest';
import { callsOf } from './claude-api-calls.ts';
import { startFaultStack } from './harness.ts';
import type { RecordingClient } from './recording-client.ts';
import { shareFaultStack } from './shared-stack.ts';

// For their reports workers ask claude-api, too: those bytes may not be among the ones that are counted.
const stack = shareFaultStack(() => startFaultStack({ env: { SERVICE_REPORT_MS: '60s' } }));

async function expectNoViolations(): Promise<void> {
  const { violations } = await stack().check();
  expect(describeViolations(violations)).toBe('');
}

function untilThrottled({ wire }: RecordingClient, jobId: string) {
  return wire.until(({ params }) => params?.jobId === jobId && params.type === 'throttled');
}

test('claude-api · down · c: jobs wait for it inside their deadline, with one call in the end; never means never', async () => {
  const faults = stack();
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
  await expectNoViolations();
});

test('claude-api · down · d: it dies mid-stream; a job that may always be repeated waits for it and begins anew', async () => {
  const faults = stack();
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
  await expectNoViolations();
});

/** Resolves when its first report is out, which it may be at any time after its start. */
async function untilWorkerHasLooked(): Promise<void> {
  const reports = async () => Object.keys(await stack().redis.admin.hgetall('cce:{services}'));
  await vi.waitUntil(async () => (await reports()).some((id) => id.startsWith('worker-')), {
    timeout: 10_000,
  });
}

/** Plays an answer that is cut right behind its result line, and one that is cut in the middle of that line. */
async function cutAtResult(cutBy: HowToCut): Promise<void> {
  const faults = stack();
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
  await expectNoViolations();
}

test('claude-api · FIN · e: behind the result the job is completed, before its end it was cut', () =>
  cutAtResult('fin'));

test('claude-api · RST · e: behind the result the job is completed, before its end it was cut', () =>
  cutAtResult('rst'));

test('claude-api · scaled down while running · c d e: calls under way end well, and new ones wait for a place', async () => {
  const faults = stack();
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
  await expectNoViolations();
});
