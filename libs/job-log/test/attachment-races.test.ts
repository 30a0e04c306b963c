/** Attachments against a real Redis: many at once, around a writer that goes on and ends, with everything that gets lost. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Attachment, attach } from '../src/index.ts';
import { begun, createRecorder, type Recorder, seqRange } from './recorder.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { completed, output, runningJob, TENANT } from './suite/twin.ts';

const EVENTS = 400;
const ATTACHMENTS = 200;

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

/** What the gateway does for its attachments: check all positions when publications may have been lost. */
async function checkAll(attachments: Attachment[]): Promise<void> {
  const positions = await twin.log.positions(TENANT, [...new Set(attachments.map(({ jobId }) => jobId))]);
  for (const attachment of attachments) attachment.checkPosition(positions.get(attachment.jobId));
}

/** Writes all events in batches of these sizes, then the end. */
async function write(
  jobId: string,
  sizes: number[],
  between: (lastSeq: number) => Promise<void>,
): Promise<void> {
  let lastSeq = 1;
  for (let i = 0; lastSeq < EVENTS; i += 1) {
    const count = Math.min(sizes[i % sizes.length] ?? 1, EVENTS - lastSeq);
    const last = lastSeq + count === EVENTS;
    const bodies = seqRange(1, count).map((n) =>
      last && n === count ? completed : output(`${lastSeq + n}`),
    );
    const end = last ? { terminal: 'completed' as const } : {};
    await twin.log.append({ jobId, fence: 1, firstSeq: lastSeq + 1, bodies, hasOutput: true, ...end });
    lastSeq += count;
    await between(lastSeq);
  }
}

describe('200 attachments around a writer and its end', () => {
  it.each(['publications arrive', 'subscriptions are cut'])(
    'get every event once and in order, when %s',
    async (fault) => {
      const { jobId } = await runningJob(twin.log);
      const [random] = fc.sample(fc.infiniteStream(fc.nat({ max: 1_000 })), 1);
      const next = (below: number) => (random?.next().value ?? 0) % below;
      const sizes = Array.from({ length: 50 }, () => next(12) + 1);
      const recorders: { listener: Recorder; afterSeq: number }[] = [];
      const attachments: Attachment[] = [];
      const attaching: Promise<void>[] = [];
      const stopRestoring = twin.feed.onRestored(() => void checkAll(attachments));
      let written = 1;

      async function attachOne(): Promise<void> {
        const afterSeq = next(4) === 0 ? next(written + 1) : 0;
        const listener = createRecorder();
        listener.room = next(3) > 0;
        recorders.push({ listener, afterSeq });
        const attachment = begun(await attach(twin, { tenant: TENANT, jobId, afterSeq }, listener));
        attachments.push(attachment);
      }

      await write(jobId, sizes, async (lastSeq) => {
        written = lastSeq;
        for (let i = 0; i < 6 && attaching.length < ATTACHMENTS; i += 1) attaching.push(attachOne());
        for (let i = 0; i < 10; i += 1) {
          const recorder = recorders[next(recorders.length)];
          if (recorder) recorder.listener.room = next(2) === 0;
        }
        for (let i = 0; i < 5; i += 1) attachments[next(attachments.length || 1)]?.resume();
        if (fault === 'subscriptions are cut' && next(8) === 0) await twin.server.killClients('subscribers');
      });
      while (attaching.length < ATTACHMENTS) attaching.push(attachOne());
      await Promise.all(attaching);

      for (const { listener } of recorders) listener.room = true;
      for (const attachment of attachments) attachment.resume();
      if (fault === 'subscriptions are cut') await checkAll(attachments);
      await Promise.all(recorders.map(({ listener }) => listener.until(() => listener.ends > 0)));

      for (const { listener, afterSeq } of recorders) {
        expect(listener.seqs).toEqual(seqRange(afterSeq + 1, EVENTS));
        expect([listener.ends, listener.losses, listener.failures]).toEqual([1, [], []]);
      }
      stopRestoring();
      await (await twin.feed.subscribe('another', () => {}))();
      expect(await twin.countListeners(jobId)).toBe(0);
    },
  );
});

describe('an attachment in Redis', () => {
  it('ends as lost when Redis was wiped', async () => {
    const { jobId } = await runningJob(twin.log);
    const listener = createRecorder();
    const attachment = begun(await attach(twin, { tenant: TENANT, jobId, afterSeq: 0 }, listener));
    await listener.until(() => listener.seqs.length === 1);
    await twin.server.admin.del(twin.keys.record(jobId), twin.keys.log(jobId));
    await checkAll([attachment]);
    await listener.until(() => listener.losses.length === 1);
    expect(listener.losses).toEqual([{ lastSeq: 1, reason: 'the record is gone' }]);
  });

  it('gets a batch that was too large to be published', async () => {
    const { jobId } = await runningJob(twin.log);
    const listener = createRecorder();
    begun(await attach(twin, { tenant: TENANT, jobId, afterSeq: 0 }, listener));
    const bodies = seqRange(1, 30).map(() => output('x'.repeat(50_000)));
    await twin.log.append({ jobId, fence: 1, firstSeq: 2, bodies, hasOutput: true });
    const end = { bodies: [completed], hasOutput: false, terminal: 'completed' as const };
    await twin.log.append({ jobId, fence: 1, firstSeq: 32, ...end });
    await listener.until(() => listener.ends === 1);
    expect(listener.seqs).toEqual(seqRange(1, 32));
  });
});
