/** Conformance: what can be appended to a log, and what is read from it. */
import { createJobId, eventSchema } from '@cc-executor/protocol';
import { textsOf } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/index.ts';
import { completed, newJob, output, parseEvents, readAll, runningJob, TENANT, type Twin } from './twin.ts';

/** What a reader puts around each event. */
const HEAD_BYTES = 100;

function batchOf(jobId: string, firstSeq: number, texts: string[], changes: Partial<Batch> = {}): Batch {
  return { jobId, fence: 1, firstSeq, bodies: texts.map(output), hasOutput: true, ...changes };
}

function finish(jobId: string, firstSeq: number, changes: Partial<Batch> = {}): Batch {
  return {
    jobId,
    fence: 1,
    firstSeq,
    bodies: [completed],
    hasOutput: false,
    terminal: 'completed',
    ...changes,
  };
}

export function describeLog(twin: () => Twin): void {
  describe('appending', () => {
    it('takes a batch, and takes it once', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const batch = batchOf(jobId, 2, ['a', 'b', 'c']);
      expect(await log.append(batch)).toEqual({
        code: 'ok',
        lastSeq: 4,
        logBytes: expect.any(Number),
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.append(batch)).toEqual({
        code: 'duplicate',
        lastSeq: 4,
        logBytes: expect.any(Number),
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.append(batchOf(jobId, 3, ['b']))).toMatchObject({ code: 'duplicate', lastSeq: 4 });
      expect(await log.append(batchOf(jobId, 5, ['d']))).toMatchObject({ code: 'ok', lastSeq: 5 });
      const texts = parseEvents(await readAll(log, jobId)).map((event) => 'text' in event && event.text);
      expect(texts).toEqual([false, 'a', 'b', 'c', 'd']);
    });

    it('refuses what would leave a hole or overlaps in part, and says where the log ends', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append(batchOf(jobId, 2, ['a', 'b']));
      for (const batch of [batchOf(jobId, 5, ['d']), batchOf(jobId, 3, ['b', 'c']), finish(jobId, 9)]) {
        expect(await log.append(batch)).toEqual({
          code: 'gap',
          lastSeq: 3,
          logBytes: expect.any(Number),
          cancelBy: undefined,
          pauseWish: false,
        });
      }
      expect(await readAll(log, jobId)).toHaveLength(3);
    });

    it('refuses other fences, before and after the end', async () => {
      const { log } = twin();
      const job = newJob();
      await log.create(job);
      expect(await log.append(batchOf(job.jobId, 2, ['a']))).toMatchObject({ code: 'fenced', lastSeq: 1 });
      await log.begin(job.jobId, 1_000, 'worker-1');
      for (const fence of [0, 2])
        expect(await log.append(batchOf(job.jobId, 2, ['a'], { fence }))).toMatchObject({ code: 'fenced' });
      await log.append(finish(job.jobId, 2));
      expect(await log.append(finish(job.jobId, 2, { fence: 2 }))).toMatchObject({ code: 'fenced' });
      expect(await readAll(log, job.jobId)).toHaveLength(2);
    });

    it('ends the job with a terminal event, which is the last; the end may be sent again', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const end = finish(jobId, 2, { bodies: [output('a'), completed], hasOutput: true });
      expect(await log.append(end)).toEqual({
        code: 'ok',
        lastSeq: 3,
        logBytes: expect.any(Number),
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.append(end)).toEqual({
        code: 'duplicate',
        lastSeq: 3,
        logBytes: expect.any(Number),
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.append(finish(jobId, 4))).toMatchObject({ code: 'terminal', lastSeq: 3 });
      expect(await log.append(batchOf(jobId, 4, ['b']))).toMatchObject({ code: 'terminal', lastSeq: 3 });
      const stored = await log.get(TENANT, jobId);
      expect(stored?.job).toMatchObject({ status: 'completed', lastSeq: 3 });
      const last = parseEvents([stored?.terminalEvent ?? '']).at(0);
      expect(last).toMatchObject({ seq: 3, type: 'completed', time: stored?.job.endedAt });
    });

    it('of a job that is not there is refused', async () => {
      const { log } = twin();
      const outcome = { code: 'missing', lastSeq: 0, logBytes: 0, cancelBy: undefined, pauseWish: false };
      expect(await log.append(batchOf(createJobId(), 1, ['a']))).toEqual(outcome);
    });

    it('of nothing changes nothing', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      expect(await log.append(batchOf(jobId, 2, []))).toMatchObject({ code: 'duplicate', lastSeq: 1 });
    });

    it('takes batches of thousands of events', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const texts = Array.from({ length: 2_500 }, (_, i) => String(i));
      expect(await log.append(batchOf(jobId, 2, texts))).toMatchObject({ code: 'ok', lastSeq: 2_501 });
      const events = parseEvents(await readAll(log, jobId));
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_501 }, (_, i) => i + 1));
      expect(events.at(-1)).toMatchObject({ text: '2499' });
    });
  });

  describe('an event', () => {
    it('has its head, its place and its time, and its body byte for byte', async () => {
      const { log, pass } = twin();
      const job = await runningJob(log);
      const texts = [
        'plain',
        '"quoted" \\ and \\n and \n and \r\n and \t',
        'UTF-8: é ü 漢字 🙂 \u2028\u2029 \u0000 \u001f',
        '\ud800 half a pair',
        '',
        '}{"seq":9}',
        '%d %s %1',
        'x'.repeat(100_000),
      ];
      await log.append(batchOf(job.jobId, 2, texts.slice(0, 4)));
      await pass(2);
      await log.append(batchOf(job.jobId, 6, texts.slice(4)));
      const message = '{"type":"message","message":{}}';
      await log.append({ jobId: job.jobId, fence: 1, firstSeq: 10, bodies: [message], hasOutput: false });
      await log.append(finish(job.jobId, 11));

      const events = await readAll(log, job.jobId);
      expect(events).toHaveLength(11);
      let time = 0;
      for (const [i, json] of events.entries()) {
        expect(json).not.toContain('\n');
        const event = eventSchema.parse(JSON.parse(json));
        const attempt = i === 0 ? 0 : 1;
        expect(event).toMatchObject({ jobId: job.jobId, epoch: job.epoch, seq: i + 1, attempt });
        expect(event.time).toBeGreaterThanOrEqual(time);
        time = event.time;
        const text = texts[i - 1];
        if (event.type === 'output') {
          expect(event.text).toBe(JSON.parse(JSON.stringify(text)));
          expect(json.endsWith(output(text ?? '').slice(1))).toBe(true);
        }
      }
      expect(time).toBeGreaterThan(JSON.parse(events[1] ?? '').time);
    });
  });

  describe('reading', () => {
    it('pages by number of events, from any position', async () => {
      const { log } = twin();
      const job = await runningJob(log);
      const { jobId, epoch } = job;
      await log.append(
        batchOf(
          jobId,
          2,
          Array.from({ length: 99 }, (_, i) => String(i)),
        ),
      );
      const all = await readAll(log, jobId);
      expect(all).toHaveLength(100);
      const state = { epoch, lastSeq: 100, status: 'running' };
      for (const [afterSeq, maxEvents] of [
        [0, 1],
        [0, 31],
        [0, 32],
        [0, 33],
        [31, 32],
        [95, 32],
        [50, 1_000],
        [99, 1],
      ] as const) {
        const page = await log.range(TENANT, jobId, { afterSeq, maxEvents, maxBytes: 1e9 });
        expect(page).toMatchObject(state);
        expect(textsOf(page)).toEqual(all.slice(afterSeq, afterSeq + maxEvents));
      }
      expect(await log.range(TENANT, jobId, { afterSeq: 100, maxEvents: 10, maxBytes: 1e9 })).toEqual({
        ...state,
        batches: [],
      });
      expect(await log.range(TENANT, jobId, { afterSeq: 5_000, maxEvents: 10, maxBytes: 1e9 })).toEqual({
        ...state,
        batches: [],
      });
      expect(
        await log.range(TENANT, createJobId(), { afterSeq: 0, maxEvents: 10, maxBytes: 1e9 }),
      ).toBeUndefined();
    });

    it('pages by bytes, and always gives one event', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append(batchOf(jobId, 2, ['é'.repeat(300), 'b'.repeat(600), 'c'.repeat(5_000), 'd']));
      const page = await log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 100, maxBytes: 1e9 });
      const bodies = page?.batches.flatMap((batch) => String(batch.bodies).split('\n')) ?? [];
      const sizes = bodies.map((body) => Buffer.byteLength(body) + HEAD_BYTES);
      const read = async (afterSeq: number, maxBytes: number) =>
        textsOf(await log.range(TENANT, jobId, { afterSeq, maxEvents: 100, maxBytes, headBytes: HEAD_BYTES }))
          .length;
      expect(await read(0, 1)).toBe(1);
      const firstTwo = (sizes[0] ?? 0) + (sizes[1] ?? 0);
      expect(await read(0, firstTwo - 1)).toBe(1);
      expect(await read(0, firstTwo)).toBe(2);
      expect(await read(0, firstTwo + 1)).toBe(2);
      expect(await read(3, 10)).toBe(1);
      expect(await read(0, 1e9)).toBe(5);
    });

    it('begins anywhere in a log of batches of any size', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      for (const [i, count] of [1, 7, 1, 1, 40, 2, 100, 3].entries()) {
        const firstSeq = [1, 7, 1, 1, 40, 2, 100, 3].slice(0, i).reduce((sum, n) => sum + n, 2);
        const texts = Array.from({ length: count }, (_, n) => `${firstSeq + n}`);
        expect(await log.append(batchOf(jobId, firstSeq, texts))).toMatchObject({ code: 'ok' });
      }
      const all = await readAll(log, jobId);
      expect(all).toHaveLength(156);
      for (let afterSeq = 0; afterSeq < all.length; afterSeq += 1) {
        for (const maxEvents of [1, 5, 1_000]) {
          const page = await log.range(TENANT, jobId, { afterSeq, maxEvents, maxBytes: 1e9 });
          expect(textsOf(page)).toEqual(all.slice(afterSeq, afterSeq + maxEvents));
          expect(page?.batches[0]?.firstSeq).toBe(afterSeq + 1);
        }
      }
    });

    it('gives true positions of the jobs that are there', async () => {
      const { log } = twin();
      const running = await runningJob(log);
      await log.append(batchOf(running.jobId, 2, ['a']));
      const queued = newJob();
      await log.create(queued);
      const missing = createJobId();
      expect(await log.positions(TENANT, [running.jobId, missing, queued.jobId])).toEqual(
        new Map([
          [running.jobId, { epoch: running.epoch, lastSeq: 2, status: 'running' }],
          [queued.jobId, { epoch: queued.epoch, lastSeq: 1, status: 'queued' }],
        ]),
      );
      expect(await log.positions(TENANT, [])).toEqual(new Map());
      expect(await log.get(TENANT, missing)).toBeUndefined();
    });
  });
}
