/** Conformance: jobs that wait for a usage limit to be lifted, and what all workers know of it. */
import { createJobId } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { ALL_MODELS } from '../../src/index.ts';
import { runningJob, TENANT, type Twin, throttled } from './twin.ts';

export function describeUsageLimits(twin: () => Twin): void {
  describe('a job that waits for a usage limit to be lifted', () => {
    /** Given back by its worker; it may wait for 60 s since it was accepted. */
    async function waitingJob() {
      const { log } = twin();
      const job = await runningJob(log);
      const before = (await log.get(TENANT, job.jobId))?.job;
      const notBefore = (before?.createdAt ?? 0) + 20_000;
      const parts = { jobId: job.jobId, fence: 1, firstSeq: 2, hasOutput: false };
      const change = { code: 'limited', notBefore } as const;
      expect((await log.append({ ...parts, bodies: [throttled], change })).code).toBe('ok');
      // While its worker has it, it waits for nothing.
      expect((await log.get(TENANT, job.jobId))?.job.notBefore).toBeUndefined();
      expect(await log.release(job.jobId, 1, false)).toBe('ok');
      return { ...job, notBefore, createdAt: before?.createdAt ?? 0 };
    }

    it('is queued, says until when, and must be taken by its queue limit', async () => {
      const { log } = twin();
      const { jobId, notBefore, createdAt, queueMs } = await waitingJob();
      const { jobs } = await log.list(TENANT, { limit: 100 });
      const listed = jobs.find((job) => job.jobId === jobId);
      expect(listed).toMatchObject({ status: 'queued', notBefore, deadlineAt: createdAt + queueMs });
      expect((await log.get(TENANT, jobId))?.job).toEqual(listed);
    });

    it('has all its time when it is begun again, which counts as the first time', async () => {
      const { log } = twin();
      const { jobId, createdAt, queueMs, totalMs } = await waitingJob();
      const begun = await log.begin(jobId, 1_000, 'worker-2');
      const attempt = { attempts: 1, remainingMs: totalMs, takeBy: createdAt + queueMs };
      expect(begun).toMatchObject({ code: 'begun', attempt });
      await log.release(jobId, 3, false);
      expect((await log.get(TENANT, jobId))?.job.notBefore).toBeUndefined();
    });

    it('ends at once when it is cancelled', async () => {
      const { log } = twin();
      const { jobId } = await waitingJob();
      expect(await log.cancel(TENANT, jobId, 'client')).toEqual({ code: 'cancelled', status: 'cancelled' });
      expect((await log.get(TENANT, jobId))?.job.notBefore).toBeUndefined();
    });
  });

  describe('a usage limit', () => {
    async function block(inMs: number, limit?: string, models = [ALL_MODELS], credential?: string) {
      const { log, usageBlock } = twin();
      const { jobId } = await runningJob(log);
      const resetsAt = ((await log.get(TENANT, jobId))?.job.createdAt ?? 0) + inMs;
      const reached = { resetsAt, ...(limit !== undefined && { limit }) };
      await usageBlock.block(reached, models, credential);
      return reached;
    }

    it('lets nobody in before its time, then one job, and everybody after that was answered', async () => {
      const { usageBlock, pass } = twin();
      const [first, second] = [createJobId(), createJobId()];
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'open' });
      expect(await usageBlock.isClear()).toBe(true);
      const reached = await block(1_000, 'five_hour');
      expect(await usageBlock.isClear()).toBe(false);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'blocked', ...reached });
      expect(await usageBlock.read()).toEqual([reached]);
      await pass(1_000);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      expect(await usageBlock.admit(second, 'opus')).toEqual({ code: 'others_trial' });
      // Its answer was lost.
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      await usageBlock.tried(second, 'opus', true);
      expect(await usageBlock.admit(second, 'opus')).toEqual({ code: 'others_trial' });
      expect(await usageBlock.isClear()).toBe(false);
      await usageBlock.tried(first, 'opus', true);
      expect(await usageBlock.isClear()).toBe(true);
      expect(await usageBlock.admit(second, 'opus')).toEqual({ code: 'open' });
    });

    it('lets another job try when the first told nothing', async () => {
      const { usageBlock } = twin();
      const [first, second] = [createJobId(), createJobId()];
      await block(0);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      await usageBlock.tried(first, 'opus', false);
      expect(await usageBlock.admit(second, 'opus')).toEqual({ code: 'trial' });
      await usageBlock.tried(second, 'opus', true);
    });

    it('is renewed by a trial that is limited again, whose own word then counts for nothing', async () => {
      const { usageBlock, pass } = twin();
      const first = createJobId();
      await block(0);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      const later = await block(1_000, 'seven_day');
      await block(500, 'five_hour');
      await usageBlock.tried(first, 'opus', true);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'blocked', ...later });
      await pass(1_000);
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      await usageBlock.tried(first, 'opus', true);
    });

    it('of some models holds up their jobs alone, until they answer again; of two the later one counts', async () => {
      const { usageBlock, pass } = twin();
      const [first, second] = [createJobId(), createJobId()];
      const ofOpus = await block(1_000, 'seven_day_opus', ['opus', 'unnamed']);
      expect(await usageBlock.admit(first, 'sonnet')).toEqual({ code: 'open' });
      for (const model of ['opus', 'unnamed']) {
        expect(await usageBlock.admit(first, model)).toEqual({ code: 'blocked', ...ofOpus });
      }
      const ofAll = await block(500, 'five_hour');
      expect(await usageBlock.admit(first, 'sonnet')).toEqual({ code: 'blocked', ...ofAll });
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'blocked', ...ofOpus });
      expect(await usageBlock.read()).toEqual([
        ofAll,
        { ...ofOpus, model: 'opus' },
        { ...ofOpus, model: 'unnamed' },
      ]);
      await pass(1_000);
      // Who tries the one tries the other.
      expect(await usageBlock.admit(first, 'opus')).toEqual({ code: 'trial' });
      expect(await usageBlock.admit(second, 'sonnet')).toEqual({ code: 'others_trial' });
      await usageBlock.tried(first, 'opus', true);
      expect(await usageBlock.admit(second, 'sonnet')).toEqual({ code: 'open' });
      expect(await usageBlock.read()).toEqual([{ ...ofOpus, model: 'unnamed' }]);
      expect(await usageBlock.admit(second, 'unnamed')).toEqual({ code: 'trial' });
      await usageBlock.tried(second, 'unnamed', true);
      expect(await usageBlock.read()).toEqual([]);
    });

    it('of one credential is none of another', async () => {
      const { usageBlock, pass } = twin();
      const [first, second] = [createJobId(), createJobId()];
      const reached = await block(1_000, 'five_hour', [ALL_MODELS], 'cred_a');
      expect(await usageBlock.isClear()).toBe(false);
      expect(await usageBlock.admit(first, 'opus', 'cred_a')).toEqual({ code: 'blocked', ...reached });
      for (const other of [undefined, 'cred_b']) {
        expect(await usageBlock.admit(second, 'opus', other)).toEqual({ code: 'open' });
      }
      const ofDefault = await block(500, 'seven_day');
      const ofOpus = await block(700, 'seven_day_opus', ['opus'], 'cred_b');
      expect(await usageBlock.read()).toEqual([
        ofDefault,
        { ...reached, credential: 'cred_a' },
        { ...ofOpus, model: 'opus', credential: 'cred_b' },
      ]);
      await pass(1_000);
      for (const credential of [undefined, 'cred_b', 'cred_a']) {
        expect(await usageBlock.isClear()).toBe(false);
        expect(await usageBlock.admit(first, 'opus', credential)).toEqual({ code: 'trial' });
        await usageBlock.tried(first, 'opus', true, credential);
        expect(await usageBlock.admit(second, 'opus', credential)).toEqual({ code: 'open' });
      }
      expect(await usageBlock.isClear()).toBe(true);
      expect(await usageBlock.read()).toEqual([]);
    });
  });
}
