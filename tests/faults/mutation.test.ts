/**
 * The checker is proved by mutation: each scenario passes with the product as it is, and with the check taken out that it
 * is about the same scenario turns the checker red, for its job and with the invariant that the check is there for.
 */
import { createKeys } from '@cc-executor/job-log';
import { describeViolations, type Message, type Violation } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { createMutant, type Mutant, withoutCheck } from './mutant.ts';
import { shareFaultStack } from './shared-stack.ts';

type Case = {
  name: string;
  /** Of the lines that are the check: `@mutation …`. */
  mark: string;
  /** One violation must say this, of this invariant. */
  expected: { invariant: Violation['invariant']; detail: RegExp };
  /** Who makes the check. */
  app: 'gateway' | 'worker';
  /** Resolves with the job. */
  scenario: (faults: FaultStack) => Promise<string>;
};

const keys = createKeys('cce');
/** A stopped worker must come back before it has been without an answer for eight leases: then it gives up. */
const env = { JOB_LEASE_MS: '1200' };

const cases: Case[] = [
  {
    name: 'the fence check',
    mark: 'fence',
    app: 'worker',
    expected: { invariant: 'I4', detail: /stands behind/ },
    scenario: letStoppedWorkerComeBack,
  },
  {
    name: 'the terminal check of a cancel',
    mark: 'cancel-of-ended',
    app: 'gateway',
    expected: { invariant: 'I1', detail: /2 terminal events/ },
    scenario: cancelEndedJob,
  },
  {
    name: 'the terminal check of the sweeper',
    mark: 'sweep-of-ended',
    app: 'gateway',
    expected: { invariant: 'I1', detail: /2 terminal events/ },
    scenario: letSweeperSeeEndedJob,
  },
  {
    name: 'the position check',
    mark: 'position',
    app: 'gateway',
    expected: { invariant: 'I2', detail: /never saw the terminal event/ },
    scenario: loseTerminalPublication,
  },
];

/** A worker is stopped mid-stream; another one takes its job over; then the first one goes on where it stopped. */
async function letStoppedWorkerComeBack(faults: FaultStack): Promise<string> {
  const client = await faults.client();
  const { prompt } = faults.plan({ chunks: 1_300, paceMs: 1, ends: ['complete', 'pause'] });
  const jobId = await client.execute({ prompt, retry: 'always' });
  // It has more left than a batch takes, and the first of that is less than the other one will have written: so it leaves no gap.
  await client.wire.until(({ params }) => params?.text?.includes(':60 '));
  const first = faults.stack.workers.find((worker) =>
    worker.logs().some((line) => line.event === 'attempt_began' && line.jobId === jobId),
  );
  const over = faults.recorder.fault('worker SIGSTOP');
  first?.kill('SIGSTOP');
  // The second attempt pauses half-way, so that its writing does not get between the first one's.
  await client.wire.until(({ params }) => params?.attempt > 1 && params.text?.includes(':649 '));
  first?.kill('SIGCONT');
  over();
  await Promise.race([first?.untilLog(({ event }) => event === 'attempt_lost'), client.terminal(jobId)]);
  await faults.upstream.releaseWhile(client.terminal(jobId));
  return jobId;
}

async function cancelEndedJob(faults: FaultStack): Promise<string> {
  const client = await faults.client();
  const jobId = await client.execute({ prompt: faults.plan({ chunks: 3 }).prompt });
  await client.terminal(jobId);
  await client.cancel(jobId);
  return jobId;
}

async function letSweeperSeeEndedJob(faults: FaultStack): Promise<string> {
  const client = await faults.client();
  const jobId = await client.execute({ prompt: faults.plan({ chunks: 3 }).prompt });
  await client.terminal(jobId);
  const { admin } = faults.redis;
  // In one step: a sweeper that finds nothing to do moves it from the one to the other, and back.
  const isLeft = async () => {
    const scores = await admin.multi().zscore(keys.due, jobId).zscore(keys.claimed, jobId).exec();
    return scores?.some(([, score]) => score !== null) ?? true;
  };
  await untilFound(async () => !(await isLeft()));
  // Whoever still looks at the job as one that runs would take it out of the index again; for a sweeper without the check it lives.
  const leaseUntil = Number(await admin.hget(keys.record(jobId), 'lease'));
  await untilFound(async () => Date.now() > leaseUntil);
  // As if the worker had died between the terminal event and the index.
  await admin.zadd(keys.due, 0, jobId);
  await untilFound(async () => !(await isLeft()));
  return jobId;
}

/** The gateway's subscriber is cut off when the job ends, and comes back afterwards. */
async function loseTerminalPublication(faults: FaultStack): Promise<string> {
  const client = await faults.client();
  const jobId = await client.execute({ prompt: faults.plan({ chunks: 10, ends: ['pause'] }).prompt });
  // All of its first half: what the gateway still read when it is cut off it would read again, and the end with it.
  await client.wire.until(({ params }) => params?.text?.includes(':4 '));
  const over = faults.recorder.fault('gateway off Redis');
  await faults.proxies.gatewayRedis.set({ refuse: 'refused' });
  faults.proxies.gatewayRedis.cutAll('rst');
  const isCompleted = async () =>
    (await faults.redis.admin.hget(keys.record(jobId), 'status')) === 'completed';
  await faults.upstream.releaseWhile(untilFound(isCompleted));
  await faults.proxies.gatewayRedis.reset();
  over();
  // Heartbeats that name the end come either way; what makes it come true is the check. Its read takes a moment.
  await Promise.race([
    client.terminal(jobId),
    untilFound(async () => beatsOfEnded(client.wire.messages) > 3),
  ]);
  return jobId;
}

function beatsOfEnded(messages: Message[]): number {
  const beats = messages.filter(({ method }) => method === 'heartbeat');
  return beats.filter(({ params }) =>
    params.jobs.some(({ status }: { status: string }) => status === 'completed'),
  ).length;
}

/** Redis tells nobody: it is asked. The test's time limit bounds it. */
async function untilFound(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('with all checks', () => {
  const stack = shareFaultStack(() => startFaultStack({ workers: 2, env }));

  test.each(cases)('$name is there: all invariants hold', async ({ scenario }) => {
    await scenario(stack());
    const { violations } = await stack().check();
    expect(describeViolations(violations)).toBe('');
  });
});

// One copy for all checks of an app: no scenario touches what the others are about.
describe.each(['worker', 'gateway'] as const)('with a %s that makes none of its checks', (app) => {
  const own = cases.filter((one) => one.app === app);
  let mutant: Mutant | undefined;
  beforeAll(async () => {
    mutant = await createMutant(...own.map(({ mark }) => mark));
  });
  afterAll(() => mutant?.close());
  const stack = shareFaultStack(() =>
    startFaultStack({ workers: app === 'worker' ? 2 : 1, env, roots: { [app]: mutant?.root } }),
  );

  test.each(own)('$name is taken out: the checker goes red', async ({ expected, scenario }) => {
    const jobId = await scenario(stack());
    // Something will be left over: what is looked for is another violation.
    const { violations } = await stack().check({ quiet: false });
    const { invariant, detail } = expected;
    expect(violations).toContainEqual(
      expect.objectContaining({ jobId, invariant, detail: expect.stringMatching(detail) }),
    );
  });
});

test('a mark that nothing carries, or that stands on something else than a check, is refused', async () => {
  await expect(createMutant('nobody-marked-this')).rejects.toThrow('is marked @mutation nobody-marked-this');
  expect(() => withoutCheck('  return first; // @mutation fence')).toThrow('none that can be taken out');
});
