/** Conformance: listing jobs, newest first, page by page. */

import { createEpoch } from '@cc-executor/protocol';
import type { WholeLog } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import { everyTenant, type Reach } from '../../src/index.ts';
import { newJob, type Twin } from './twin.ts';

async function createJobs(log: WholeLog, tenant: string, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => newJob({ tenant }));
  await Promise.all(jobs.map((job) => log.create(job)));
  return jobs.map(({ jobId }) => jobId);
}

/** Reads page after page; throws when the cursor leads nowhere. */
async function listAll(
  log: WholeLog,
  tenant: Reach,
  query: {
    status?: 'queued' | 'cancelled';
    since?: number;
    before?: number;
    metadata?: Record<string, string>;
    limit: number;
  },
): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 1_000; pages += 1) {
    const page = await log.list(tenant, { ...query, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.jobs.length).toBeLessThanOrEqual(query.limit);
    found.push(...page.jobs.map(({ jobId }) => jobId));
    if (page.cursor === undefined) return found;
    expect(page.cursor).toMatch(/^\d+:job_[0-9a-f]{32}$/);
    cursor = page.cursor;
  }
  throw new Error('the list has no end');
}

export function describeList(twin: () => Twin): void {
  describe('the list of jobs', () => {
    it('is newest first, page by page, and only of the tenant', async () => {
      const { log, pass } = twin();
      const tenant = createEpoch();
      const ids: string[] = [];
      for (let i = 0; i < 7; i += 1) {
        ids.unshift(...(await createJobs(log, tenant, 1)));
        await pass(2);
      }
      await createJobs(log, `${tenant}-other`, 1);
      for (const limit of [1, 2, 3, 7, 100]) expect(await listAll(log, tenant, { limit })).toEqual(ids);
      expect(await log.list(createEpoch(), { limit: 10 })).toEqual({ jobs: [], cursor: undefined });
    });

    it('has every job once, however many were created in one millisecond', async () => {
      const { log, createdTogether } = twin();
      const tenant = createEpoch();
      const ids = await createJobs(log, tenant, 450);
      await createdTogether(tenant, ids);
      const sorted = [...ids].sort().reverse();
      for (const limit of [100, 60, 37]) expect(await listAll(log, tenant, { limit })).toEqual(sorted);
    });

    it('can be of a time, whose beginning is within and whose end is not, page by page', async () => {
      const { log, pass } = twin();
      const tenant = createEpoch();
      for (let i = 0; i < 6; i += 1) {
        await createJobs(log, tenant, 1);
        await pass(2);
      }
      const { jobs } = await log.list(tenant, { limit: 100 });
      const idsFrom = (first: number, end?: number) => jobs.slice(first, end).map(({ jobId }) => jobId);
      const at = (i: number) => jobs[i]?.createdAt ?? 0;
      for (const limit of [1, 2, 100]) {
        expect(await listAll(log, tenant, { since: at(4), before: at(1), limit })).toEqual(idsFrom(2, 5));
        expect(await listAll(log, tenant, { since: at(2), limit })).toEqual(idsFrom(0, 3));
        expect(await listAll(log, tenant, { before: at(2), limit })).toEqual(idsFrom(3));
      }
      expect(await listAll(log, tenant, { since: at(1), before: at(1), limit: 1 })).toEqual([]);
    });

    it('can be of one status', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const ids = await createJobs(log, tenant, 230);
      const cancelled = ids.filter((_, i) => i % 50 === 0);
      for (const jobId of cancelled) await log.cancel(tenant, jobId, 'client');
      expect((await listAll(log, tenant, { status: 'cancelled', limit: 2 })).sort()).toEqual(
        cancelled.sort(),
      );
      expect(await listAll(log, tenant, { status: 'queued', limit: 100 })).toHaveLength(225);
    });

    it('ends a page early where metadata is long, and has every job once', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const metadata = { note: 'é'.repeat(4_000) };
      const jobs = Array.from({ length: 60 }, (_, i) =>
        newJob({ tenant, spec: { prompt: 'x', ...(i % 3 === 0 ? {} : { metadata }) } }),
      );
      await Promise.all(jobs.map((job) => log.create(job)));
      const page = await log.list(tenant, { limit: 100 });
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(192 * 1024);
      expect(page.cursor).toBeDefined();
      expect(page.jobs.find((job) => job.metadata)?.metadata).toEqual(metadata);
      const all = await listAll(log, tenant, { limit: 100 });
      expect(all.sort()).toEqual(jobs.map(({ jobId }) => jobId).sort());
    });

    it('of all tenants is one list, and says whose each job is', async () => {
      const { log, pass } = twin();
      const metadata = { together: createEpoch() };
      const [first, second, third] = [createEpoch(), createEpoch(), createEpoch()];
      const jobs = [];
      // One has more of them than one look at an index gives, and they stand behind the others'.
      for (const tenant of [...Array.from({ length: 105 }, () => first), second, third, second]) {
        if (tenant !== first) await pass(2);
        const job = newJob({ tenant, spec: { prompt: 'x', metadata } });
        await log.create(job);
        jobs.unshift(job);
      }
      const [cancelled] = jobs;
      await log.cancel(second, cancelled?.jobId ?? '', 'client');
      const newest = await log.list(everyTenant, { metadata, limit: 4 });
      expect(newest.jobs.map(({ jobId, tenant }) => [jobId, tenant]).slice(0, 3)).toEqual(
        jobs.slice(0, 3).map(({ jobId, tenant }) => [jobId, tenant]),
      );
      const stored = await Promise.all(jobs.map(async ({ tenant, jobId }) => log.get(tenant, jobId)));
      const inOrder = stored
        .flatMap((found) => found?.job ?? [])
        .sort((a, b) => b.createdAt - a.createdAt || (a.jobId < b.jobId ? 1 : -1))
        .map(({ jobId }) => jobId);
      for (const limit of [40, 100])
        expect(await listAll(log, everyTenant, { metadata, limit })).toEqual(inOrder);
      expect(await listAll(log, everyTenant, { metadata, status: 'cancelled', limit: 10 })).toEqual([
        cancelled?.jobId,
      ]);
      expect(await log.count(everyTenant, { metadata, status: 'queued' })).toEqual({
        jobs: jobs.length - 1,
        hasMore: false,
      });
      expect(await log.ownerOf(cancelled?.jobId ?? '')).toBe(second);
      expect(await log.ownerOf(newJob().jobId)).toBeUndefined();
    });

    it('shows of which job one is the rerun, and what was asked for can be read whole', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const [first = ''] = await createJobs(log, tenant, 1);
      const spec = { prompt: 'x', model: 'opus', metadata: { a: 1 } };
      const again = newJob({ tenant, spec, rerunOf: first });
      await log.create(again);
      const { jobs } = await log.list(tenant, { limit: 10 });
      expect(jobs.find(({ jobId }) => jobId === again.jobId)?.rerunOf).toBe(first);
      expect((await log.get(tenant, again.jobId))?.job.rerunOf).toBe(first);
      expect(await log.spec(tenant, again.jobId)).toEqual(spec);
    });

    it('shows jobs as they are', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const [jobId = ''] = await createJobs(log, tenant, 1);
      await log.begin(jobId, 1_000, 'worker-1');
      const { jobs } = await log.list(tenant, { limit: 1 });
      expect(jobs).toEqual([(await log.get(tenant, jobId))?.job]);
    });
  });
}
