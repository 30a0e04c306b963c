/** Conformance: messages that are kept whole, apart from their events. */
import { createJobId } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import type { Batch, KeptBody } from '../../src/index.ts';
import { completed, newJob, output, readAll, runningJob, TENANT, type Twin } from './twin.ts';

const PAGES = ['{"type":"x","text":"é漢', '🙂'.repeat(1_000), '"}'];
const SIZE = { bytes: Buffer.byteLength(PAGES.join('')), sha256: 'a'.repeat(64) };

function keptAt(seq: number): KeptBody {
  return { seq, pages: PAGES, ...SIZE };
}

function batchOf(jobId: string, firstSeq: number, changes: Partial<Batch> = {}): Batch {
  const message = JSON.stringify({ type: 'message', message: {}, truncated: { ...SIZE, kept: true } });
  return {
    jobId,
    fence: 1,
    firstSeq,
    bodies: [output('a'), message, output('b')],
    kept: [keptAt(firstSeq + 1)],
    hasOutput: true,
    ...changes,
  };
}

export function describeBodies(twin: () => Twin): void {
  describe('a body', () => {
    it('is there with its event, page by page, and stays after the end', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const missing = { code: 'no_body' };
      expect(await log.body(TENANT, jobId, { seq: 3, offset: 0 })).toEqual(missing);
      expect(await log.append(batchOf(jobId, 2))).toMatchObject({ code: 'ok', lastSeq: 4 });
      expect(await readAll(log, jobId)).toHaveLength(4);
      const end = { bodies: [completed], kept: [], hasOutput: false, terminal: 'completed' as const };
      await log.append(batchOf(jobId, 5, end));
      let offset = 0;
      for (const text of PAGES) {
        expect(await log.body(TENANT, jobId, { seq: 3, offset })).toEqual({ code: 'page', text, ...SIZE });
        offset += Buffer.byteLength(text);
      }
      for (const between of [1, offset - 1, offset]) {
        expect(await log.body(TENANT, jobId, { seq: 3, offset: between })).toEqual({ code: 'no_page' });
      }
      for (const seq of [1, 2, 4, 99]) {
        expect(await log.body(TENANT, jobId, { seq, offset: 0 })).toEqual(missing);
      }
    });

    it('is of its job, and its job of a tenant', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append(batchOf(jobId, 2));
      expect(await log.body('stranger', jobId, { seq: 3, offset: 0 })).toBeUndefined();
      expect(await log.body(TENANT, createJobId(), { seq: 3, offset: 0 })).toBeUndefined();
    });

    it('of an append that is refused, or sent again, is not kept, or once', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append(batchOf(jobId, 2));
      expect(await log.append(batchOf(jobId, 2))).toMatchObject({ code: 'duplicate' });
      expect(await log.append(batchOf(jobId, 9))).toMatchObject({ code: 'gap' });
      expect(await log.append(batchOf(jobId, 5, { fence: 7 }))).toMatchObject({ code: 'fenced' });
      for (const seq of [6, 10]) {
        expect(await log.body(TENANT, jobId, { seq, offset: 0 })).toEqual({ code: 'no_body' });
      }
      await log.release(jobId, 1, true);
      const begun = await log.begin(jobId, 10_000, 'worker-2');
      expect(begun).toMatchObject({ code: 'begun', attempt: { bodyBytes: SIZE.bytes } });
    });

    it('counts for the attempts that follow, and not as an event', async () => {
      const { log } = twin();
      const job = newJob();
      await log.create(job);
      const first = await log.begin(job.jobId, 10_000, 'worker-1');
      expect(first).toMatchObject({ attempt: { bodyBytes: 0 } });
      const { logBytes } = await log.append(batchOf(job.jobId, 2));
      const page = await log.range(TENANT, job.jobId, { afterSeq: 1, maxEvents: 10, maxBytes: 1e9 });
      const [batch] = page?.batches ?? [];
      const head = `${batch?.firstSeq} ${batch?.attempt} ${batch?.time}`;
      expect(logBytes).toBe(head.length + (batch?.bodies.length ?? 0));
      const kept = [keptAt(5), keptAt(7)];
      const more = await log.append(batchOf(job.jobId, 5, { kept }));
      expect(more).toMatchObject({ code: 'ok', logBytes: 2 * logBytes });
      await log.release(job.jobId, 1, true);
      const second = await log.begin(job.jobId, 10_000, 'worker-2');
      expect(second).toMatchObject({ attempt: { bodyBytes: 3 * SIZE.bytes } });
    });
  });
}
