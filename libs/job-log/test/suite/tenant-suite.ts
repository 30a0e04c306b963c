/** Conformance: a job of another tenant cannot be told from one that is not there, whatever its state. */
import { createEpoch, createJobId } from '@cc-executor/protocol';
import type { WholeLog } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import { attach, type NewJob } from '../../src/index.ts';
import { createRecorder } from '../recorder.ts';
import { completed, listenerNote, newJob, readAll, runningJob, TENANT, type Twin } from './twin.ts';

const states: Record<string, (log: WholeLog) => Promise<NewJob>> = {
  async queued(log) {
    const job = newJob();
    await log.create(job);
    return job;
  },
  running: (log) => runningJob(log),
  async paused(log) {
    const job = await runningJob(log);
    const { jobId } = job;
    const bodies = [JSON.stringify({ type: 'paused', limitMs: 5_000 })];
    const pause = { code: 'paused' as const, limitMs: 5_000 };
    await log.append({ jobId, fence: 1, firstSeq: 2, bodies, hasOutput: false, change: pause });
    return job;
  },
  async ended(log) {
    const job = await runningJob(log);
    const { jobId } = job;
    await log.append({
      jobId,
      fence: 1,
      firstSeq: 2,
      bodies: [completed],
      hasOutput: false,
      terminal: 'completed',
    });
    return job;
  },
};

export function describeTenants(twin: () => Twin): void {
  describe.each(Object.keys(states))('a %s job of another tenant', (state) => {
    /** Everything that can be asked about one job, as this tenant. */
    async function askAll(tenant: string, jobId: string): Promise<unknown[]> {
      const { log, feed, countListeners } = twin();
      const job = { tenant, jobId, afterSeq: 0 };
      return [
        await log.range(tenant, jobId, { afterSeq: 0, maxEvents: 10, maxBytes: 1e9 }),
        await log.positions(tenant, [jobId]),
        await log.get(tenant, jobId),
        await log.spec(tenant, jobId),
        await log.cancel(tenant, jobId, 'client'),
        await log.setPauseWish(tenant, jobId, true),
        await log.setPauseWish(tenant, jobId, false),
        await log.noteListeners(tenant, jobId, [listenerNote('one')]),
        await log.list(tenant, { limit: 10 }),
        await attach({ log, feed }, job, createRecorder()),
        // Something else to be acknowledged: the unsubscription before it is in force.
        (await feed.subscribe(createJobId(), () => undefined))(),
        await countListeners(jobId),
      ];
    }

    it('is answered for like one that is not there, and stays as it is', async () => {
      const { log } = twin();
      const { jobId } = (await states[state]?.(log)) ?? newJob();
      const before = [await log.get(TENANT, jobId), await readAll(log, jobId)];
      const stranger = createEpoch();
      expect(await askAll(stranger, jobId)).toEqual(await askAll(stranger, createJobId()));
      expect([await log.get(TENANT, jobId), await readAll(log, jobId)]).toEqual(before);
      const positions = await log.positions(TENANT, [jobId]);
      expect(positions.has(jobId)).toBe(true);
    });
  });

  describe('an idempotency key', () => {
    it('is the own one of each tenant', async () => {
      const { log } = twin();
      const key = createEpoch();
      for (const tenant of ['one', 'two']) {
        const jobId = createJobId();
        expect(await log.reserve(tenant, key, jobId, tenant)).toMatchObject({ jobId, hash: tenant });
      }
    });
  });
}
