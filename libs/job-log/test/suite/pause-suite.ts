/** Conformance: the wish to pause a job, and what a pause does to its deadline. */

import { createJobId } from '@cc-executor/protocol';
import type { WholeLog } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import type { Batch, RecordChange } from '../../src/index.ts';
import { completed, newJob, output, parseEvents, readAll, runningJob, TENANT, type Twin } from './twin.ts';

const bodies = {
  paused: JSON.stringify({ type: 'paused', limitMs: 5_000 }),
  resumed: JSON.stringify({ type: 'resumed', pausedMs: 1 }),
  refused: JSON.stringify({ type: 'pause_refused', request: 'pause', reason: 'x' }),
};

type Pause = Exclude<RecordChange, { code: 'restarted' | 'limited' }>;

/** What an attempt appends when claude-api has paused its execution, or let it go on, or would not. */
function change(jobId: string, firstSeq: number, pause: Pause, fence = 1): Batch {
  return { jobId, fence, firstSeq, bodies: [bodies[pause.code]], hasOutput: false, change: pause };
}

const toPaused: Pause = { code: 'paused', limitMs: 5_000 };
const ok = { code: 'ok', cancelBy: undefined };

export function describePause(twin: () => Twin): void {
  async function jobOf(log: WholeLog, jobId: string) {
    const stored = await log.get(TENANT, jobId);
    if (!stored) throw new Error('no record');
    return stored.job;
  }

  describe('the wish to pause', () => {
    it('of a running job is told by every reply to its attempt, and the last wish counts', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      for (const wish of [true, true, false, false, true]) {
        expect(await log.setPauseWish(TENANT, jobId, wish)).toEqual({ code: 'recorded', status: 'running' });
        expect(await log.renew(jobId, 1, 1_000)).toEqual({ ...ok, pauseWish: wish });
        expect((await jobOf(log, jobId)).pauseRequested).toBe(wish);
      }
      const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true };
      expect(await log.append(batch)).toMatchObject({ ...ok, lastSeq: 2, pauseWish: true });
      expect(await log.append(batch)).toMatchObject({ code: 'duplicate', pauseWish: true });
      expect(await readAll(log, jobId)).toHaveLength(2);
    });

    it('of a queued job is kept for the attempt that begins it, and for the next one', async () => {
      const { log } = twin();
      const { jobId } = newJob();
      await log.create(newJob({ jobId }));
      expect(await log.setPauseWish(TENANT, jobId, true)).toEqual({ code: 'recorded', status: 'queued' });
      const begun = await log.begin(jobId, 1_000, 'worker-1');
      expect(begun).toMatchObject({ code: 'begun', attempt: { pauseWish: true } });
      expect(await log.begin(jobId, 1_000, 'worker-1')).toEqual(begun);
      expect((await jobOf(log, jobId)).pausedAt).toBeUndefined();
      expect(await log.release(jobId, 1, true)).toBe('ok');
      expect(await log.begin(jobId, 1_000, 'worker-2')).toMatchObject({ attempt: { pauseWish: true } });
    });

    it('comes too late for a job that has ended, and for one that is not there', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const end = { jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false };
      await log.append({ ...end, terminal: 'completed' });
      expect(await log.setPauseWish(TENANT, jobId, true)).toEqual({ code: 'terminal', status: 'completed' });
      expect((await jobOf(log, jobId)).pauseRequested).toBe(false);
      expect(await log.setPauseWish(TENANT, createJobId(), true)).toEqual({ code: 'missing' });
    });

    it('is dropped when it is refused: the wish is what the job is', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.setPauseWish(TENANT, jobId, true);
      const refused: Pause = { code: 'refused' };
      expect(await log.append(change(jobId, 2, refused))).toMatchObject({
        ...ok,
        lastSeq: 2,
        pauseWish: false,
      });
      await log.setPauseWish(TENANT, jobId, true);
      await log.append(change(jobId, 3, toPaused));
      await log.setPauseWish(TENANT, jobId, false);
      expect(await log.append(change(jobId, 4, refused))).toMatchObject({
        ...ok,
        lastSeq: 4,
        pauseWish: true,
      });
      expect(await jobOf(log, jobId)).toMatchObject({ pauseRequested: true, pausedAt: expect.any(Number) });
    });
  });

  describe('a pause', () => {
    it('stops the deadline, and gives back what was left of it', async () => {
      const { log, pass } = twin();
      const { jobId } = await runningJob(log, { totalMs: 60_000 });
      const { deadlineAt: before } = await jobOf(log, jobId);
      await log.append(change(jobId, 2, toPaused));
      const paused = await jobOf(log, jobId);
      expect(paused.deadlineAt).toBe((paused.pausedAt ?? 0) + 5_000);
      await pass(30);
      // Again, as an attempt may say it whose answer was lost: only the end of the pause moves.
      await log.append(change(jobId, 2, toPaused));
      expect(await jobOf(log, jobId)).toEqual(paused);
      await log.append(change(jobId, 3, toPaused));
      expect((await jobOf(log, jobId)).pausedAt).toBe(paused.pausedAt);
      await log.append(change(jobId, 4, { code: 'resumed' }));
      const resumed = await jobOf(log, jobId);
      const at = parseEvents(await readAll(log, jobId)).at(-1)?.time ?? 0;
      expect(resumed.pausedAt).toBeUndefined();
      expect(resumed.deadlineAt - before).toBe(at - (paused.pausedAt ?? 0));
      expect(resumed.deadlineAt - before).toBeGreaterThanOrEqual(30);
      await log.append(change(jobId, 5, { code: 'resumed' }));
      expect((await jobOf(log, jobId)).deadlineAt).toBe(resumed.deadlineAt);
    });

    it('is over with its attempt', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log, { totalMs: 60_000 });
      await log.append(change(jobId, 2, toPaused));
      await log.release(jobId, 1, true);
      expect((await jobOf(log, jobId)).pausedAt).toBeUndefined();
      const begun = await log.begin(jobId, 1_000, 'worker-2');
      expect(begun).toMatchObject({ attempt: { remainingMs: 60_000, pauseWish: false } });
      const fence = 'attempt' in begun ? begun.attempt.fence : 0;
      const before = (await jobOf(log, jobId)).deadlineAt;
      await log.append(change(jobId, 3, { code: 'resumed' }, fence));
      expect((await jobOf(log, jobId)).deadlineAt).toBe(before);
    });

    it('is not said of a job that has ended in it', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append(change(jobId, 2, toPaused));
      const end = { jobId, fence: 1, firstSeq: 3, bodies: [completed], hasOutput: false };
      expect(await log.append({ ...end, terminal: 'completed' })).toMatchObject({ code: 'ok' });
      expect((await jobOf(log, jobId)).pausedAt).toBeUndefined();
    });

    it('of an attempt that is not the one that counts changes nothing', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const before = await jobOf(log, jobId);
      expect(await log.append(change(jobId, 2, toPaused, 7))).toMatchObject({ code: 'fenced' });
      expect(await log.append(change(jobId, 4, toPaused))).toMatchObject({ code: 'gap' });
      expect(await jobOf(log, jobId)).toEqual(before);
    });
  });
}
