/** Redis × reply lost after execution × moment: what was done and not answered is done once. */
import { commandContains, describeViolations, type FaultProxy, type ReplyDrop } from '@cc-executor/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { untilDone } from './all-moments.ts';
import { expectAsWithoutFault } from './fault-free.ts';
import { type FaultStack, startFaultStack } from './harness.ts';
import { callsOf, onceEach, type Script } from './script-commands.ts';
import { shareFaultStack } from './shared-stack.ts';

let faults: FaultStack;

/** For a suite. */
function useStack(workers: number): void {
  const stack = shareFaultStack(() => startFaultStack({ workers }));
  beforeEach(() => {
    faults = stack();
  });
}

/** Loses replies while `work` is done, and at least one. */
async function losing<T>(proxy: FaultProxy, drop: ReplyDrop, work: () => Promise<T>): Promise<T> {
  const over = faults.recorder.fault('replies of Redis lost');
  const before = proxy.counters().droppedReplies;
  await proxy.set({ dropReply: drop });
  // A gateway whose batch of commands broke half-way answers `unavailable`: then the same is asked again.
  const result = await untilDone(work);
  // What was done can be known of before its reply is on the way.
  await proxy.until(({ droppedReplies }) => droppedReplies > before);
  await proxy.reset();
  over();
  return result;
}

async function expectNoViolations(): Promise<void> {
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

/** Moments of an attempt, the script whose every reply is lost, and how many of them are, at least. */
const writes: { name: string; scripts: Script[]; texts: string[]; losses: number }[] = [
  {
    name: 'redis · reply lost after execution · c: an attempt whose begin was not acknowledged goes on',
    scripts: ['begin'],
    texts: [],
    losses: 1,
  },
  {
    name: 'redis · reply lost after execution · d: every append is taken once, though none is acknowledged at first',
    scripts: ['append'],
    texts: [],
    // `started` and the first chunks come apart.
    losses: 5,
  },
  {
    name: 'redis · reply lost after execution · e: a finish that was not acknowledged stands once',
    // With the last of the output, or alone.
    scripts: ['append', 'appendWhenFull'],
    texts: ['"type":"completed"'],
    losses: 1,
  },
];

describe('with one worker', () => {
  useStack(1);

  test('redis · reply lost after execution · a: an execute whose record or queue entry was not acknowledged is one job', async () => {
    const client = await faults.client();
    const matchers = [
      await callsOf(faults.redis, 'accept'),
      commandContains('evalsha', 'job_', '{cce:queue}:jobs:wait'),
      await callsOf(faults.redis, 'reserve'),
    ];
    for (const [i, matches] of matchers.entries()) {
      const { prompt } = faults.plan();
      const jobId = await losing(faults.proxies.gatewayRedis, { matches }, () =>
        client.execute({ prompt, idempotencyKey: `key-${i}` }),
      );
      expect(await client.terminal(jobId)).toMatchObject({ type: 'completed' });
      await expectAsWithoutFault(faults, jobId, prompt);
    }
    expect(client.wire.messages.flatMap(({ result }) => result?.created ?? [])).toEqual(
      matchers.map(() => true),
    );
    await expectNoViolations();
  });

  test('redis · reply lost after execution · b: a worker that does not hear which entry it took takes it all the same', async () => {
    const client = await faults.client();
    const { prompt } = faults.plan();
    const jobId = await losing(
      faults.proxies.workerRedis,
      // Waiting for an entry, and taking it.
      { matches: commandContains('{cce:queue}:jobs:active'), times: 2 },
      async () => {
        const accepted = await client.execute({ prompt });
        expect(await client.terminal(accepted)).toMatchObject({ type: 'completed' });
        return accepted;
      },
    );
    await expectAsWithoutFault(faults, jobId, prompt);
    await expectNoViolations();
  });

  test('redis · reply lost after execution · c d: a cancel that was not acknowledged is carried out, and said', async () => {
    const client = await faults.client();
    const matches = await callsOf(faults.redis, 'cancel');
    const callsBefore = faults.upstream.calls().length;
    for (const chunks of [1, 400]) {
      const jobId = await client.execute({
        prompt: faults.plan({ chunks, paceMs: chunks === 1 ? 3_000 : 20 }).prompt,
      });
      await faults.upstream.untilCalls(callsBefore + (chunks === 1 ? 1 : 2));
      if (chunks > 1) await faults.upstream.untilOutput(jobId);
      const answer = await losing(faults.proxies.gatewayRedis, { matches }, () => client.cancel(jobId));
      // Asked again it may have been carried out already.
      expect(['running', 'cancelled']).toContain(answer.status);
      expect(await client.terminal(jobId)).toMatchObject({ type: 'cancelled', by: 'client' });
    }
    await expectNoViolations();
  });

  test('redis · reply lost after execution · f g: what a listener asked for and was not told is read again', async () => {
    const client = await faults.client();
    const { prompt } = faults.plan({ chunks: 100 });
    const jobId = await client.execute({ prompt });
    await faults.upstream.untilOutput(jobId);
    const attachLosing = async (matches: ReplyDrop['matches']) => {
      const listener = await faults.client();
      await losing(faults.proxies.gatewayRedis, { matches }, () => listener.attach(jobId));
      return listener.terminal(jobId);
    };
    const page = await callsOf(faults.redis, 'range');
    const whileRunning = await Promise.all([attachLosing(page), client.terminal(jobId)]);
    const position = await callsOf(faults.redis, 'own');
    const whenEnded = [await attachLosing(page), await attachLosing(position)];
    for (const terminal of [...whileRunning, ...whenEnded])
      expect(terminal).toMatchObject({ type: 'completed' });
    await expectAsWithoutFault(faults, jobId, prompt);
    await expectNoViolations();
  });
});

describe('with two workers', () => {
  useStack(2);

  for (const { name, scripts, texts, losses } of writes) {
    test(name, async () => {
      const client = await faults.client();
      const calls = await Promise.all(scripts.map((script) => callsOf(faults.redis, script, ...texts)));
      const matches = onceEach((command) => calls.some((isCall) => isCall(command)));
      // What comes while a reply is lost is one write: there must be time for as many as are to be lost.
      const { prompt } = faults.plan({ chunks: 20 * losses });
      const lostBefore = faults.proxies.workerRedis.counters().droppedReplies;
      const jobId = await losing(
        faults.proxies.workerRedis,
        { matches, times: Number.POSITIVE_INFINITY },
        async () => {
          const accepted = await client.execute({ prompt });
          expect(await client.terminal(accepted)).toMatchObject({ type: 'completed' });
          return accepted;
        },
      );
      const lost = faults.proxies.workerRedis.counters().droppedReplies - lostBefore;
      expect(lost).toBeGreaterThanOrEqual(losses);
      await expectAsWithoutFault(faults, jobId, prompt);
      await expectNoViolations();
    });
  }
});

describe('with a worker that comes later', () => {
  useStack(0);

  test('redis · reply lost after execution · b: the cancel of a queued job that was not acknowledged ends it once', async () => {
    const client = await faults.client();
    const jobId = await client.execute({ prompt: faults.plan().prompt });
    const matches = await callsOf(faults.redis, 'cancel');
    const answer = await losing(faults.proxies.gatewayRedis, { matches }, () => client.cancel(jobId));
    expect(answer.status).toBe('cancelled');
    expect(await client.terminal(jobId)).toMatchObject({ type: 'cancelled', by: 'client' });
    await faults.startWorker();
    await expectNoViolations();
  });
});
