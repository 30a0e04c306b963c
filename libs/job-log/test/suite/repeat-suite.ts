/** Conformance: how often a job is begun, and how long it may take, however often that is. */
import type { WholeLog } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/index.ts';
import { newJob, parseEvents, readAll, runningJob, TENANT, type Twin } from './twin.ts';

export function describeRepeats(twin: () => Twin): void {
  async function begin(log: WholeLog, jobId: string, owner: string) {
    const begun = await log.begin(jobId, 10_000, owner);
    if (!('attempt' in begun)) throw new Error(`the job was ${begun.code}`);
    return begun.attempt;
  }

  async function jobOf(log: WholeLog, jobId: string) {
    const stored = await log.get(TENANT, jobId);
    if (!stored) throw new Error('no record');
    return stored.job;
  }

  describe('how often a job has been begun', () => {
    it('is counted with each attempt, unless one is handed back whose work had not begun', async () => {
      const { log } = twin();
      const job = newJob();
      await log.create(job);
      const counts: number[] = [];
      for (const [i, hasBegun] of [true, false, false, true, true].entries()) {
        const { fence, attempts } = await begin(log, job.jobId, `worker-${i}`);
        counts.push(attempts);
        expect(await log.release(job.jobId, fence, hasBegun)).toBe('ok');
      }
      expect(counts).toEqual([1, 2, 2, 2, 3]);
    });

    it('is told again to the one that has the job', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.release(jobId, 1, true);
      expect((await begin(log, jobId, 'worker-2')).attempts).toBe(2);
      expect((await begin(log, jobId, 'worker-2')).attempts).toBe(2);
    });

    it('is counted once when an attempt begins the work anew', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const batch: Batch = {
        ...{ jobId, fence: 1, firstSeq: 2, hasOutput: false, change: { code: 'restarted' } },
        bodies: [JSON.stringify({ type: 'reset', discardFromSeq: 2, reason: 'x', attemptsLeft: 1 })],
      };
      expect((await log.append(batch)).code).toBe('ok');
      expect((await log.append(batch)).code).toBe('duplicate');
      await log.release(jobId, 1, true);
      expect((await begin(log, jobId, 'worker-2')).attempts).toBe(3);
    });
  });

  describe('the end of all attempts', () => {
    it('is counted from acceptance: a job that waits again waits no longer, and has no more time than is left', async () => {
      const { log, pass } = twin();
      const { jobId } = await runningJob(log, { queueMs: 1_000, totalMs: 60_000 });
      await pass(1_500);
      await log.release(jobId, 1, true);
      const queued = await jobOf(log, jobId);
      expect(queued.deadlineAt).toBe(queued.createdAt + 61_000);
      expect((await begin(log, jobId, 'worker-2')).remainingMs).toBeLessThanOrEqual(59_500);
      expect((await jobOf(log, jobId)).deadlineAt).toBe(queued.deadlineAt);
    });

    it('is told to whoever takes the job after it', async () => {
      const { log, pass } = twin();
      const { jobId } = await runningJob(log, { queueMs: 1_000, totalMs: 1 });
      await log.release(jobId, 1, true);
      await pass(1_010);
      const late = await log.begin(jobId, 10_000, 'worker-2');
      expect(late).toMatchObject({ code: 'total_timeout', attempt: { fence: 3, attempts: 2 } });
      expect(await log.begin(jobId, 10_000, 'worker-2')).toEqual(late);
    });

    it('is later by the time in which the job was paused, also when its attempt was lost in a pause', async () => {
      const { log, pass } = twin();
      const { jobId } = await runningJob(log, { queueMs: 30_000, totalMs: 30_000 });
      const append = async (firstSeq: number, type: 'paused' | 'resumed', fence = 1) => {
        const change = type === 'paused' ? ({ code: type, limitMs: 60_000 } as const) : { code: type };
        const bodies = [JSON.stringify({ type })];
        await log.append({ jobId, fence, firstSeq, bodies, hasOutput: false, change });
        return parseEvents(await readAll(log, jobId)).at(-1)?.time ?? 0;
      };
      const pausedAt = await append(2, 'paused');
      await pass(50);
      const pausedMs = (await append(3, 'resumed')) - pausedAt;
      await log.release(jobId, 1, true);
      const once = await jobOf(log, jobId);
      expect(once.deadlineAt).toBe(once.createdAt + 60_000 + pausedMs);
      const { fence } = await begin(log, jobId, 'worker-2');
      await append(4, 'paused', fence);
      await pass(50);
      await log.release(jobId, fence, true);
      expect((await jobOf(log, jobId)).deadlineAt).toBeGreaterThanOrEqual(once.deadlineAt + 50);
    });
  });
}
