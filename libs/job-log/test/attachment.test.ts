import { createEpoch, createJobId } from '@cc-executor/protocol';
import { createMemoryJobLog, type WholeLog } from '@cc-executor/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Attachment, attach, type JobFeed, type Page } from '../src/index.ts';
import { begun, createRecorder, seqRange } from './recorder.ts';
import { completed, output, runningJob, TENANT } from './suite/twin.ts';

/** The log in memory, with faults to switch on. */
let log: WholeLog;
let feed: JobFeed;
let countListeners: (jobId: string) => Promise<number>;
let losePublications: boolean;
let rangeFault: ((page: Page | undefined) => Page | undefined) | undefined;
let reads: number;
let jobId: string;
let epoch: string;
let lastSeq: number;

beforeEach(async () => {
  const memory = createMemoryJobLog();
  countListeners = memory.countListeners;
  losePublications = false;
  rangeFault = undefined;
  reads = 0;
  lastSeq = 1;
  log = {
    ...memory.log,
    async range(...args) {
      reads += 1;
      const page = await memory.log.range(...args);
      return rangeFault ? rangeFault(page) : page;
    },
  };
  feed = {
    ...memory.feed,
    subscribe: (id, listener) =>
      memory.feed.subscribe(id, (publication) => {
        if (!losePublications) listener(publication);
      }),
  };
  ({ jobId, epoch } = await runningJob(log));
});

async function append(count = 1): Promise<void> {
  const bodies = seqRange(1, count).map((i) => output(`text ${i}`));
  const { code } = await log.append({ jobId, fence: 1, firstSeq: lastSeq + 1, bodies, hasOutput: true });
  expect(code).toBe('ok');
  lastSeq += count;
}

async function finish(): Promise<void> {
  const end = { bodies: [completed], hasOutput: false, terminal: 'completed' as const };
  expect((await log.append({ jobId, fence: 1, firstSeq: lastSeq + 1, ...end })).code).toBe('ok');
  lastSeq += 1;
}

async function truePosition() {
  return (await log.positions(TENANT, [jobId])).get(jobId);
}

/** Resolves after everything that is under way in memory has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const attachTo = (listener: ReturnType<typeof createRecorder>, afterSeq = 0) =>
  attach({ log, feed }, { tenant: TENANT, jobId, afterSeq }, listener);

describe('attaching', () => {
  it('to a live job gives what is there, then what comes, and the end once; then nobody listens', async () => {
    await append(3);
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await append(2);
    await append();
    await finish();
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 8));
    expect(attachment.position()).toBe(8);
    expect(await countListeners(jobId)).toBe(0);
    attachment.checkPosition(undefined);
    attachment.resume();
    attachment.close();
    await settled();
    expect([listener.ends, listener.losses, listener.seqs.length]).toEqual([1, [], 8]);
  });

  it('gives nothing before it is begun, and then all of it', async () => {
    await append();
    const listener = createRecorder();
    const outcome = await attachTo(listener);
    await append();
    await finish();
    await settled();
    expect(listener.seqs).toEqual([]);
    begun(outcome);
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 4));
    if (outcome.code === 'attached')
      expect(outcome.attachment.start).toEqual({ epoch, lastSeq: 2, status: 'running' });
  });

  it.each([0, 2, 4])('to a job that has ended replays what comes after %i, and ends', async (afterSeq) => {
    await append(2);
    await finish();
    const listener = createRecorder();
    begun(await attachTo(listener, afterSeq));
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(afterSeq + 1, 4));
    expect(await countListeners(jobId)).toBe(0);
  });

  it.each([2, 3])(
    'is told when a log that lost its tail ends at seq %i, where other events were handed over',
    async (seq) => {
      await append(2);
      const listener = createRecorder();
      const attachment = begun(await attachTo(listener));
      await listener.until(() => listener.seqs.length === 3);
      await settled();
      attachment.checkPosition({ epoch, lastSeq: seq, status: 'failed' });
      await settled();
      expect([listener.ends, listener.losses.length]).toEqual([0, 1]);
    },
  );

  it('reads a long log page by page', async () => {
    await append(20_000);
    const listener = createRecorder();
    begun(await attachTo(listener));
    await listener.until(() => listener.seqs.length === 20_001);
    expect(listener.seqs).toEqual(seqRange(1, 20_001));
    expect(reads).toBe(3);
  });

  it('is refused to jobs that are not there, to other epochs and beyond the end, and leaves no subscription', async () => {
    const listener = createRecorder();
    const missing = createJobId();
    expect(await attach({ log, feed }, { tenant: TENANT, jobId: missing, afterSeq: 0 }, listener)).toEqual({
      code: 'missing',
    });
    expect(
      await attach({ log, feed }, { tenant: TENANT, jobId, afterSeq: 0, epoch: createEpoch() }, listener),
    ).toEqual({
      code: 'epoch_mismatch',
      epoch,
    });
    expect(await attachTo(listener, 2)).toEqual({ code: 'position_ahead', lastSeq: 1 });
    expect(await countListeners(missing)).toBe(0);
    expect(await countListeners(jobId)).toBe(0);
  });

  it('rejects when the log cannot be read, and leaves no subscription', async () => {
    rangeFault = () => {
      throw new Error('away');
    };
    await expect(attachTo(createRecorder())).rejects.toThrow('away');
    expect(await countListeners(jobId)).toBe(0);
  });
});

describe('a listener without room', () => {
  it('is sent nothing; when it has room again the log is read on, and nothing is lost', async () => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await listener.until(() => listener.seqs.length === 1);
    listener.room = false;
    await append(3);
    await append();
    await settled();
    expect(listener.seqs).toEqual([1]);
    attachment.resume();
    await settled();
    expect(listener.seqs).toEqual([1]);
    listener.room = true;
    attachment.resume();
    await listener.until(() => listener.seqs.length === 5);
    listener.room = false;
    await finish();
    listener.room = true;
    attachment.resume();
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 6));
  });

  it.each([0, 3])('from the start gets everything after %i as soon as it has room', async (afterSeq) => {
    await append(2);
    const ended = afterSeq === 3;
    const listener = createRecorder();
    listener.room = false;
    const attachment = begun(await attachTo(listener, afterSeq));
    if (ended) await finish();
    await settled();
    expect(listener.seqs).toEqual([]);
    listener.room = true;
    attachment.resume();
    await listener.until(() => listener.seqs.length === lastSeq - afterSeq);
    expect(listener.seqs).toEqual(seqRange(afterSeq + 1, lastSeq));
  });

  it('hears of the end that it has seen already', async () => {
    await finish();
    const listener = createRecorder();
    listener.room = false;
    const attachment = begun(await attachTo(listener, 2));
    await settled();
    expect(listener.ends).toBe(0);
    listener.room = true;
    attachment.resume();
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual([]);
  });
});

describe('a lost publication', () => {
  it('is found by the next one', async () => {
    const listener = createRecorder();
    begun(await attachTo(listener));
    losePublications = true;
    await append(2);
    losePublications = false;
    await append();
    await listener.until(() => listener.seqs.length === 4);
    expect(listener.seqs).toEqual(seqRange(1, 4));
  });

  it('that was the last one is found by a position check, the terminal event too', async () => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    losePublications = true;
    await append();
    attachment.checkPosition(await truePosition());
    await listener.until(() => listener.seqs.length === 2);
    await finish();
    attachment.checkPosition(await truePosition());
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 3));
  });

  it('with no events in it, because it was too large, is read from the log', async () => {
    const memory = feed;
    feed = {
      ...memory,
      subscribe: (id, listener) => memory.subscribe(id, ({ batch: _, ...position }) => listener(position)),
    };
    const listener = createRecorder();
    begun(await attachTo(listener));
    await append(3);
    await finish();
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 5));
  });
});

describe('a position check', () => {
  it('that lags behind the publications, or was asked for before the job was there, proves nothing', async () => {
    const listener = createRecorder();
    const old = await truePosition();
    const attachment = begun(await attachTo(listener));
    await append(3);
    attachment.checkPosition(old);
    await settled();
    attachment.checkPosition(undefined);
    await settled();
    await finish();
    await listener.until(() => listener.ends === 1);
    expect(listener.losses).toEqual([]);
    expect(listener.seqs).toEqual(seqRange(1, 5));
  });

  it('that fits reads nothing', async () => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await settled();
    reads = 0;
    attachment.checkPosition(await truePosition());
    await settled();
    expect(reads).toBe(0);
  });

  it.each<[string, (page: Page | undefined) => Page | undefined, string]>([
    ['the record is gone', () => undefined, 'the record is gone'],
    [
      'the log was made anew',
      (page) => page && { ...page, epoch: 'another' },
      'the log was lost and made anew',
    ],
    ['the log lost its tail', (page) => page && { ...page, lastSeq: 1, events: [] }, 'the log lost events'],
    ['the log has a hole', (page) => page && { ...page, lastSeq: 9, events: [] }, 'the log lost events'],
  ])('when %s ends the attachment as lost, once', async (_what, fault, reason) => {
    await append(2);
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await listener.until(() => listener.seqs.length === 3);
    rangeFault = fault;
    attachment.checkPosition(undefined);
    await listener.until(() => listener.losses.length === 1);
    attachment.checkPosition(undefined);
    rangeFault = undefined;
    await append();
    await settled();
    expect(listener.losses).toEqual([{ lastSeq: 3, reason }]);
    expect(listener.seqs).toEqual(seqRange(1, 3));
    expect(await countListeners(jobId)).toBe(0);
  });
});

describe('a read that fails', () => {
  it.each<[string, (attachment: Attachment) => void | Promise<void>]>([
    ['the next publication', () => append()],
    ['a position check', async (attachment) => attachment.checkPosition(await truePosition())],
    ['new room', (attachment) => attachment.resume()],
  ])('is told, and tried again with %s', async (_what, retry) => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await settled();
    listener.room = false;
    await append(2);
    listener.room = true;
    rangeFault = () => {
      throw new Error('away');
    };
    attachment.resume();
    await listener.until(() => listener.failures.length === 1);
    rangeFault = undefined;
    await retry(attachment);
    await listener.until(() => listener.seqs.length === lastSeq);
    expect(listener.seqs).toEqual(seqRange(1, lastSeq));
    expect(listener.losses).toEqual([]);
  });

  it('is tried again also when nobody knows of anything that was missed', async () => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await settled();
    losePublications = true;
    await finish();
    rangeFault = () => {
      throw new Error('away');
    };
    attachment.checkPosition(undefined);
    await listener.until(() => listener.failures.length === 1);
    rangeFault = undefined;
    attachment.resume();
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual([1, 2]);
  });
});

describe('closing', () => {
  it('is idempotent, stops everything, and ends the subscription', async () => {
    const listener = createRecorder();
    const outcome = await attachTo(listener);
    const attachment = begun(outcome);
    await settled();
    attachment.close();
    attachment.close();
    await append();
    await finish();
    attachment.checkPosition(await truePosition());
    attachment.resume();
    await settled();
    expect([listener.seqs, listener.ends, listener.losses]).toEqual([[1], 0, []]);
    expect(await countListeners(jobId)).toBe(0);
  });

  it('while the log is read delivers nothing more, and hides the failure', async () => {
    const listener = createRecorder();
    const attachment = begun(await attachTo(listener));
    await settled();
    listener.room = false;
    await append();
    listener.room = true;
    attachment.resume();
    attachment.close();
    rangeFault = () => {
      throw new Error('away');
    };
    await settled();
    expect([listener.seqs, listener.failures]).toEqual([[1], []]);
  });

  it('by the listener, when it is given the last event, is the last it hears', async () => {
    let close = () => {};
    const listener = createRecorder(() => close());
    const attachment = begun(await attachTo(listener));
    await settled();
    close = () => attachment.close();
    await finish();
    await settled();
    expect([listener.seqs, listener.ends]).toEqual([seqRange(1, 2), 0]);
  });
});
