/**
 * Client × hostile × moment: crowds of clients that mean harm, and one that means none. Its jobs end, whatever moment they
 * are at, and it is answered soon; docs/reliability.md has the row.
 */
import {
  type Crowd,
  type CrowdPlan,
  describeViolations,
  needs,
  onBusyMachine,
  startCrowd,
} from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { bringToMoments, THREE_SLOTS } from './moments.ts';
import { shareFaultStack } from './shared-stack.ts';

/** So often the victim asks, or for so long, once all of the crowd are at it. */
const ANSWERS = 50;
const WATCH_MS = 2_000;
const ASK_EVERY_MS = 2;
/** Of a gateway that shares two processors with the crowd and five other tests; `npm run fuzz` says what it is alone. */
const P99_MS = 1_000;

const stack = shareFaultStack(() => startFaultStack({ direct: true, env: THREE_SLOTS }));
let faults: FaultStack;
let crowd: Crowd | undefined;

beforeEach(() => {
  faults = stack();
});
afterEach(async () => {
  await crowd?.close();
  crowd = undefined;
});

const request = (method: string, params: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
const deep = request(
  'execute',
  `{"prompt":"x","metadata":{"7":1,"a":${'['.repeat(60_000)}${']'.repeat(60_000)}}}`,
);
const large = request('execute', `{"prompt":"${'\\u0001'.repeat(200_000)}","unknown":1}`);

/** Name, and what the crowd does to a gateway that has a job with output. */
const hostile: [string, (jobId: string) => Omit<CrowdPlan, 'port'>][] = [
  ['ask without end', () => ({ count: 8, mode: 'flood', frame: request('list', '{"limit":100}') })],
  ['send what is no request without end', () => ({ count: 8, mode: 'flood', frame: 'no json' })],
  [
    'send requests that are refused without end',
    () => ({ count: 8, mode: 'flood', frame: request('get', '{}') }),
  ],
  ['send frames that are nested too deep', () => ({ count: 8, mode: 'flood', frame: deep })],
  ['send the largest requests there are', () => ({ count: 8, mode: 'flood', frame: large })],
  ['begin frames and do not end them', () => ({ count: 500, mode: 'unfinished', frameBytes: 1024 * 1024 })],
  ['listen and do not read', (jobId) => ({ count: 200, mode: 'deaf', jobId })],
];

/** Asks again and again; returns how long the answers took, in ms, the longest last. */
async function askOften(ask: () => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  const until = performance.now() + WATCH_MS;
  while (tookMs.length < ANSWERS && performance.now() < until) {
    const began = performance.now();
    await ask();
    tookMs.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  return tookMs.sort((a, b) => a - b);
}

test.for(hostile)(
  'client · hostile · a b d f g: some %s, and a client that means no harm notices nothing',
  async ([name, plan], context) => {
    if (plan('').mode === 'deaf') await needs('throughput')(context);
    const victim = await faults.client();
    const jobs = await bringToMoments(faults, victim, {
      plans: {
        claimed: { chunks: 1, ends: ['pause'] },
        streaming: { chunks: 250, paceMs: 1, ends: ['pause'] },
      },
    });
    const over = faults.recorder.fault(`clients ${name}`);
    const port = Number(faults.stack.gateways[0]?.ready.port);
    crowd = startCrowd({ port, ...plan(jobs.streaming) } as CrowdPlan);
    await crowd.ready;
    const asking = askOften(() => victim.wire.request('get', { jobId: jobs.queued }));
    const accepted = await victim.execute({ prompt: faults.plan({ chunks: 4 }).prompt });
    const late = await faults.client();
    await late.attach(jobs.streaming);
    const ends = [jobs.finishing, jobs.streaming].map((jobId) => victim.terminal(jobId));
    await faults.upstream.releaseWhile(Promise.all(ends));
    expect(await victim.terminal(jobs.finishing)).toMatchObject({ type: 'completed' });
    await late.attach(jobs.finishing);
    expect(await late.terminal(jobs.finishing)).toMatchObject({ type: 'completed' });
    for (const jobId of [...Object.values(jobs), accepted]) {
      expect(await victim.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
    }
    const tookMs = await asking;
    const p99 = tookMs[Math.floor(tookMs.length * 0.99)] ?? Number.NaN;
    console.info(
      `${name}: ${tookMs.length} answers, half of them within ${Math.round(tookMs[Math.floor(tookMs.length / 2)] ?? 0)} ms, 99% within ${Math.round(p99)} ms, the last within ${Math.round(tookMs.at(-1) ?? 0)}; ${crowd.closed()} closed`,
    );
    expect(p99).toBeLessThan(onBusyMachine(P99_MS));
    await crowd.close();
    over();
    const { violations } = await faults.check();
    expect(describeViolations(violations)).toBe('');
  },
);
