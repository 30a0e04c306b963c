/**
 * Random commands of two competing attempts, of clients that cancel, and of the sweeper's hand-back, given to both
 * twins: they answer alike, and whatever happens the log keeps its invariants.
 */
import { isTerminalEvent, type TerminalStatus, terminalStatuses } from '@cc-executor/protocol';
import { createMemoryJobLog, textsOf, type WholeLog } from '@cc-executor/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordChange } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { newJob, parseEvents, readAll, TENANT } from './suite/twin.ts';

type Command =
  | { do: 'begin'; by: 0 | 1 }
  | { do: 'append'; by: 0 | 1; skew: number; count: number; output: boolean }
  | { do: 'finish'; by: 0 | 1; skew: number; as: TerminalStatus }
  | { do: 'renew'; by: 0 | 1 }
  | { do: 'release'; by: 0 | 1; hasBegun: boolean }
  | { do: 'cancel'; who: 'client' | 'disconnect' }
  | { do: 'wish'; wish: boolean }
  | { do: 'change'; by: 0 | 1; skew: number; change: RecordChange }
  | { do: 'create' | 'meddle' }
  | { do: 'read'; afterSeq: number; maxEvents: number };

const by = fc.constantFrom(0 as const, 1 as const);
/** Mostly the right position; sometimes a repetition, an overlap or a hole. */
const skew = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 2 }) },
);
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const), by }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        by,
        skew,
        count: fc.integer({ min: 0, max: 4 }),
        output: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('finish' as const),
        by,
        skew,
        as: fc.constantFrom(...terminalStatuses),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), by }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('release' as const), by, hasBegun: fc.boolean() }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('cancel' as const),
        who: fc.constantFrom('client' as const, 'disconnect' as const),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wish' as const), wish: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('change' as const),
        by,
        skew,
        change: fc.constantFrom<RecordChange>(
          { code: 'paused', limitMs: 5_000 },
          { code: 'resumed' },
          { code: 'refused' },
          { code: 'restarted' },
          { code: 'limited', notBefore: 1_795_500_000_000 },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('create' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('meddle' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        afterSeq: fc.integer({ min: 0, max: 8 }),
        maxEvents: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { maxLength: 25 },
);

/** One attempt as a worker sees it: its fence, and the seq that it believes to be the last. */
type Worker = { fence: number; lastSeq: number };

/** Runs the commands against one twin and returns everything that it answered, times left out. */
async function play(log: WholeLog, script: Command[]): Promise<{ answers: unknown[]; events: string[] }> {
  const job = newJob({ jobId: `job_${'0'.repeat(32)}`, epoch: 'e' });
  // Both twins need the same ids in their events, and each run a job of its own: the id is put back below.
  const own = newJob();
  const anonymous = (text: string) => text.replaceAll(own.jobId, job.jobId).replace(/"time":\d+/, '"time":0');
  const ownJob = { ...own, epoch: job.epoch };
  await log.create(ownJob);
  const workers: [Worker, Worker] = [
    { fence: 0, lastSeq: 1 },
    { fence: 0, lastSeq: 1 },
  ];
  const { jobId } = own;
  const answers: unknown[] = [];
  for (const [i, command] of script.entries()) {
    answers.push(await run(command, i));
  }
  const stored = await log.get(TENANT, jobId);
  const { status, attempt, lastSeq, cancelRequested, notBefore } = stored?.job ?? {};
  answers.push({
    status,
    attempt,
    lastSeq,
    cancelRequested,
    notBefore,
    last: anonymous(stored?.terminalEvent ?? ''),
  });
  answers.push((await log.positions(TENANT, [jobId])).get(jobId));
  return { answers, events: (await readAll(log, jobId)).map(anonymous) };

  async function run(command: Command, i: number): Promise<unknown> {
    switch (command.do) {
      case 'begin': {
        const outcome = await log.begin(jobId, 60_000, `worker-${command.by}`);
        if (!('attempt' in outcome)) return outcome;
        workers[command.by] = outcome.attempt;
        return { ...outcome, attempt: { ...outcome.attempt, queuedMs: 0, takeBy: 0 } };
      }
      case 'append':
      case 'change':
      case 'finish': {
        const worker = workers[command.by];
        const bodies =
          command.do !== 'append'
            ? [JSON.stringify({ type: command.do === 'change' ? command.change.code : command.as, by: i })]
            : Array.from({ length: command.count }, (_, n) =>
                JSON.stringify({ type: 'output', text: `${i}.${n}` }),
              );
        const outcome = await log.append({
          jobId,
          fence: worker.fence,
          firstSeq: Math.max(worker.lastSeq + 1 + command.skew, 1),
          bodies,
          hasOutput: command.do === 'append' && command.output,
          ...(command.do === 'finish' ? { terminal: command.as } : {}),
          ...(command.do === 'change' ? { change: command.change } : {}),
        });
        if (outcome.code === 'ok') worker.lastSeq = outcome.lastSeq;
        return outcome;
      }
      case 'renew':
        return log.renew(jobId, workers[command.by].fence, 60_000);
      case 'release':
        return log.release(jobId, workers[command.by].fence, command.hasBegun);
      case 'cancel':
        return log.cancel(TENANT, jobId, command.who);
      case 'wish':
        return log.setPauseWish(TENANT, jobId, command.wish);
      case 'create':
        return log.create({ ...ownJob, epoch: 'another' });
      case 'meddle':
        return meddle(log, jobId);
      case 'read': {
        const page = await log.range(TENANT, jobId, {
          afterSeq: command.afterSeq,
          maxEvents: command.maxEvents,
          maxBytes: 1e9,
        });
        return page && { ...page, batches: textsOf(page).map(anonymous) };
      }
    }
  }
}

/** What another tenant can ask of a job, and does. */
async function meddle(log: WholeLog, jobId: string): Promise<unknown[]> {
  return [
    await log.cancel('stranger', jobId, 'client'),
    await log.setPauseWish('stranger', jobId, true),
    await log.range('stranger', jobId, { afterSeq: 0, maxEvents: 10, maxBytes: 1e9 }),
    await log.positions('stranger', [jobId]),
    await log.get('stranger', jobId),
    await log.body('stranger', jobId, { seq: 1, offset: 0 }),
  ];
}

describe('the two implementations', () => {
  let redis: RedisTwin;
  beforeAll(async () => {
    redis = await openRedisTwin();
  });
  afterAll(() => redis.close());

  it('answer any history alike, and keep the invariants of the log', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (script) => {
        const inMemory = await play(createMemoryJobLog().log, script);
        const inRedis = await play(redis.log, script);
        expect(inRedis).toEqual(inMemory);

        const events = parseEvents(inRedis.events);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
        const ends = events.filter(isTerminalEvent);
        expect(ends.length).toBeLessThanOrEqual(1);
        if (ends[0]) expect(events.at(-1)).toBe(ends[0]);
        // Nothing of an attempt stands after a newer one began: attempt numbers never go down.
        const attempts = events.map(({ attempt }) => attempt);
        expect(attempts).toEqual([...attempts].sort((a, b) => a - b));
      }),
      { numRuns: 250 },
    );
  }, 60_000);
});
