import { createEpoch, createJobId, type JobEvent } from '@cc-executor/protocol';
import { RedisFaultError } from '@cc-executor/redis';
import { createMemoryJobLog, textsOf, type WholeLog } from '@cc-executor/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLogWriter, type LogWriter } from '../src/log-writer.ts';
import { gatedLog } from './gated-log.ts';
import { away, full, losingAnswers, PLENTY, silent, TENANT, untilTrue } from './harness.ts';

const done = { type: 'completed', evidence: 'complete-line' } as const;

let memory: WholeLog;
let jobId: string;
let refusals: string[];
let cancels: string[];
let faults: unknown[];
let isEnding: boolean;

beforeEach(async () => {
  memory = createMemoryJobLog().log;
  jobId = createJobId();
  refusals = [];
  cancels = [];
  faults = [];
  isEnding = false;
  await memory.create({
    jobId,
    epoch: createEpoch(),
    tenant: TENANT,
    spec: { prompt: 'x' },
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'safe',
  });
  await memory.begin(jobId, 60_000, 'me');
});

function writerOn(log: WholeLog): LogWriter {
  return createLogWriter({
    log,
    jobId,
    fence: 1,
    lastSeq: 1,
    bounds: PLENTY,
    flushWindow: { closes: async () => {} },
    onOverflow: () => faults.push('overflow'),
    logger: silent,
    onRefused: (code) => refusals.push(code),
    onFault: (error) => faults.push(error),
    isEnding: () => isEnding,
    onWishes: ({ cancelBy }) => {
      if (cancelBy !== undefined) cancels.push(cancelBy);
    },
  });
}

async function events(): Promise<JobEvent[]> {
  const page = await memory.range(TENANT, jobId, { afterSeq: 0, maxEvents: 100_000, maxBytes: 1e8 });
  return textsOf(page).map((event) => JSON.parse(event) as JobEvent);
}

async function texts(): Promise<string[]> {
  return (await events()).flatMap((event) => (event.type === 'output' ? [event.text] : []));
}

function output(text: string) {
  return { type: 'output', text } as const;
}

async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

describe('batching', () => {
  test('what comes in one moment, or while a write is under way, goes together, in order', async () => {
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    expect(writer.write(output('0'))).toBe(2);
    await turn();
    expect(batches).toHaveLength(1);
    for (let i = 1; i <= 10; i += 1) expect(writer.write(output(`${i}`))).toBe(2 + i);
    expect(batches).toHaveLength(1);
    letThrough();
    await turn();
    expect(batches.map(({ bodies }) => bodies.length)).toEqual([1, 10]);
    expect(batches[1]?.firstSeq).toBe(3);
    letThrough();
    await writer.flushed();
    expect(await texts()).toEqual(Array.from({ length: 11 }, (_, i) => `${i}`));
    writer.write(output('next'));
    writer.write(output('but one'));
    await turn();
    expect(batches[2]?.bodies).toHaveLength(2);
    letThrough();
    await writer.flushed();
  });

  test('a batch is bounded in events and in length, so that it is published whole', async () => {
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    for (let i = 0; i < 1_300; i += 1) writer.write(output(`${i}`));
    for (let i = 0; i < 6; i += 1) writer.write(output('x'.repeat(400_000)));
    for (let i = 0; i < 20; i += 1) writer.write(output('終'.repeat(16_384)));
    const flushed = writer.flushed();
    while ((await Promise.race([flushed.then(() => 'all'), turn()])) !== 'all') letThrough();
    expect(batches.map(({ bodies }) => bodies.length)).toEqual([512, 512, 276, 1, 1, 1, 1, 1, 1, 15, 5]);
    expect(Math.max(...batches.map(({ bodies }) => Buffer.byteLength(bodies.join())))).toBeLessThan(2 ** 20);
    expect(await texts()).toHaveLength(1_326);
    expect((await events()).map(({ seq }) => seq)).toEqual(Array.from({ length: 1_327 }, (_, i) => i + 1));
  });

  test('an event about pausing is the last of its batch, and changes the record with it', async () => {
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    writer.write(output('first'));
    await turn();
    writer.write(output('a'));
    writer.write({ type: 'paused', limitMs: 5_000 });
    writer.write({ type: 'resumed', pausedMs: 1 });
    writer.write({ type: 'pause_refused', request: 'pause', reason: 'x' });
    writer.write(output('b'));
    const flushed = writer.flushed();
    while ((await Promise.race([flushed.then(() => 'all'), turn()])) !== 'all') letThrough();
    expect(batches.map(({ bodies, change }) => [bodies.length, change])).toEqual([
      [1, undefined],
      [2, { code: 'paused', limitMs: 5_000 }],
      [1, { code: 'resumed' }],
      [1, { code: 'refused' }],
      [1, undefined],
    ]);
  });

  test('only batches with output or messages count as output', async () => {
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    const steps = [
      { type: 'started' },
      { type: 'throttled', untilMs: 1, reason: 'x' },
      { type: 'message', message: {} },
      output('x'),
      { type: 'reset', discardFromSeq: 2, reason: 'x' },
    ] as const;
    for (const [i, step] of steps.entries()) {
      writer.write(step);
      expect(writer.hasOutput()).toBe(i >= 2);
      await turn();
      letThrough();
      await writer.flushed();
    }
    expect(batches.map(({ hasOutput }) => hasOutput)).toEqual([false, false, true, true, false]);
  });
});

describe('answers that are lost', () => {
  test.each([
    ['every second', (call: number) => call % 2 === 1],
    ['many in a row', (call: number) => call < 4],
  ])('lead to no event twice, and to no hole: %s', async (_name, isLost) => {
    const writer = writerOn(losingAnswers(memory, isLost));
    for (let i = 0; i < 20; i += 1) {
      writer.write(output(`${i}`));
      await turn();
    }
    expect(await writer.finish(done)).toBe('ok');
    expect(await texts()).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect((await events()).map(({ seq }) => seq)).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
    expect((await events()).filter(({ type }) => type === 'completed')).toHaveLength(1);
    expect(refusals).toEqual([]);
  });

  test('of a request that never arrived: it is sent again', async () => {
    let calls = 0;
    const writer = writerOn({
      ...memory,
      async append(batch) {
        calls += 1;
        if (calls % 2 === 1) throw away();
        return memory.append(batch);
      },
    });
    writer.write(output('a'));
    expect(await writer.finish(done)).toBe('ok');
    expect((await events()).map(({ type }) => type)).toEqual(['queued', 'output', 'completed']);
  });
});

describe('a fault, which waiting does not cure,', () => {
  const fault = new RedisFaultError('WRONGTYPE', new Error('WRONGTYPE the log is a string'));

  /** The log, which Redis refuses to touch so many times. */
  function refusing(times: number): { log: WholeLog; calls: () => number } {
    let calls = 0;
    const append: WholeLog['append'] = async (batch) => {
      calls += 1;
      if (calls <= times) throw fault;
      return memory.append(batch);
    };
    return { log: { ...memory, append }, calls: () => calls };
  }

  test('is told, not repeated, and leaves room for the terminal event alone', async () => {
    const { log, calls } = refusing(1);
    const writer = writerOn(log);
    writer.write(output('a'));
    writer.write(output('b'));
    await writer.flushed();
    expect([faults, refusals, calls(), writer.dropped()]).toEqual([[fault], [], 1, 'fault']);
    expect(writer.hasOutput()).toBe(false);
    writer.write(output('c'));
    await writer.room();
    expect(await writer.finish(done)).toBe('ok');
    expect((await events()).map(({ type, seq }) => [type, seq])).toEqual([
      ['queued', 1],
      ['completed', 2],
    ]);
  });

  test('can stand in the way of the terminal event, too: that is not repeated either', async () => {
    const { log, calls } = refusing(2);
    const writer = writerOn(log);
    writer.write(output('a'));
    expect(await writer.finish(done)).toBe('fault');
    expect(calls()).toBe(1);
    // Now without what was dropped.
    expect(await writer.finish(done)).toBe('fault');
    expect(calls()).toBe(2);
    expect((await events()).map(({ type }) => type)).toEqual(['queued']);
  });
});

describe('a full Redis, which takes no output,', () => {
  /** Full after so many batches with output, until it is told otherwise. */
  function filling(room: number) {
    const state = { room, refused: 0 };
    const append: WholeLog['append'] = async (batch) => {
      if (batch.hasOutput && state.room <= 0) {
        state.refused += 1;
        throw full();
      }
      if (batch.hasOutput) state.room -= 1;
      return memory.append(batch);
    };
    return { log: { ...memory, append }, state };
  }

  test('is waited out while the job goes on: nothing is lost', async () => {
    const { log, state } = filling(0);
    const writer = writerOn(log);
    writer.write(output('a'));
    await untilTrue(() => state.refused > 1);
    state.room = 10;
    expect(await writer.finish(done)).toBe('ok');
    expect([await texts(), writer.dropped(), writer.hasOutput()]).toEqual([['a'], undefined, true]);
  });

  test('is not waited for when the job is to end: its end follows what stands in the log', async () => {
    const { log, state } = filling(1);
    const writer = writerOn(log);
    writer.write(output('kept'));
    await writer.flushed();
    writer.write(output('lost'));
    for (let i = 0; i < 20; i += 1) writer.write(output('x'.repeat(400_000)));
    const room = writer.room();
    await untilTrue(() => state.refused > 0);
    isEnding = true;
    await room;
    writer.write(output('too late'));
    await writer.flushed();
    expect([writer.dropped(), writer.hasOutput(), faults, refusals]).toEqual(['full', true, [], []]);
    expect(await writer.finish({ type: 'cancelled', by: 'client', partial: true })).toBe('ok');
    expect((await events()).map(({ type, seq }) => [type, seq])).toEqual([
      ['queued', 1],
      ['output', 2],
      ['cancelled', 3],
    ]);
  });

  test('has not kept any output when it took none', async () => {
    const writer = writerOn(filling(0).log);
    isEnding = true;
    writer.write(output('lost'));
    await writer.flushed();
    expect(writer.hasOutput()).toBe(false);
  });
});

describe('a refusal', () => {
  test('is told once, ends all writing, and lets everybody go on who waits', async () => {
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    writer.write(output('a'));
    await turn();
    for (let i = 0; i < 20; i += 1) writer.write(output('x'.repeat(400_000)));
    const room = writer.room();
    // The sweeper gives the job to another attempt.
    await memory.release(jobId, 1, true);
    letThrough();
    await room;
    expect(refusals).toEqual(['fenced']);
    writer.write(output('b'));
    expect(await writer.finish(done)).toBe('fenced');
    expect(batches).toHaveLength(1);
    expect(refusals).toEqual(['fenced']);
    expect(await texts()).toEqual([]);
  });

  test('of an end that was cancelled before keeps what goes before it, for the end that follows', async () => {
    await memory.cancel(TENANT, jobId, 'client');
    const { log, batches, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    writer.write(output('a'));
    const refused = writer.finish(done);
    await turn();
    letThrough();
    expect(await refused).toBe('cancel_requested');
    expect(refusals).toEqual([]);
    const ended = writer.finish({ type: 'cancelled', by: 'client', partial: true });
    await turn();
    letThrough();
    expect(await ended).toBe('ok');
    expect(batches.map(({ terminal }) => terminal)).toEqual(['completed', 'cancelled']);
    expect((await events()).map(({ type }) => type)).toEqual(['queued', 'output', 'cancelled']);
  });

  test('of the terminal event is the answer of `finish`', async () => {
    await memory.cancel(TENANT, jobId, 'disconnect');
    const writer = writerOn(memory);
    expect(await writer.finish(done)).toBe('cancel_requested');
    expect(cancels).toEqual(['disconnect']);
    expect(await writer.finish({ type: 'cancelled', by: 'disconnect', partial: false })).toBe('ok');
    expect((await events()).map(({ type }) => type)).toEqual(['queued', 'cancelled']);
  });
});

describe('finish', () => {
  test('comes after everything that was written before it', async () => {
    const { log, letThrough } = gatedLog(memory);
    const writer = writerOn(log);
    for (let i = 0; i < 5; i += 1) writer.write(output(`${i}`));
    const finished = writer.finish(done);
    while ((await Promise.race([finished, turn()])) !== 'ok') letThrough();
    const types = ['queued', ...Array(5).fill('output'), 'completed'];
    expect((await events()).map(({ type }) => type)).toEqual(types);
  });

  test('a second time is refused: a job ends once', async () => {
    const writer = writerOn(memory);
    expect(await writer.finish(done)).toBe('ok');
    expect(await writer.finish({ type: 'timed_out', limit: 'total', partial: false })).toBe('terminal');
    expect((await events()).map(({ type }) => type)).toEqual(['queued', 'completed']);
  });
});

test('a reply that shows a cancel is passed on', async () => {
  await memory.cancel(TENANT, jobId, 'operator');
  const writer = writerOn(memory);
  writer.write(output('a'));
  await writer.flushed();
  expect(cancels).toEqual(['operator']);
  expect(await texts()).toEqual(['a']);
});

test('whoever writes faster than Redis takes it waits until there is room', async () => {
  const { log, letThrough } = gatedLog(memory);
  const writer = writerOn(log);
  await writer.room();
  for (let i = 0; i < 20; i += 1) writer.write(output('x'.repeat(400_000)));
  let hasRoom = false;
  const room = writer.room().then(() => {
    hasRoom = true;
  });
  await turn();
  expect(hasRoom).toBe(false);
  for (let i = 0; i < 17; i += 1) {
    letThrough();
    await turn();
    expect(hasRoom).toBe(false);
  }
  letThrough();
  await room;
  const flushed = writer.flushed();
  while ((await Promise.race([flushed.then(() => 'all'), turn()])) !== 'all') letThrough();
  expect(await texts()).toHaveLength(20);
});

test('a message that is kept apart takes room while it waits to be written', async () => {
  const { log, letThrough } = gatedLog(memory);
  const writer = writerOn(log);
  writer.write(output('a'));
  writer.write({ type: 'message', message: { content: 'x'.repeat(5 * 1024 * 1024) } });
  let hasRoom = false;
  const room = writer.room().then(() => {
    hasRoom = true;
  });
  await turn();
  expect(hasRoom).toBe(false);
  letThrough();
  await turn();
  letThrough();
  await room;
});
