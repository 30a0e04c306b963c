/** Conformance: lists of jobs by status, time, metadata, text and id, whatever was done to the jobs before. */
import { createEpoch, type Job, jobStatuses, terminalStatuses } from '@cc-executor/protocol';
import type { WholeLog } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import type { ListFilter, NewJob } from '../../src/index.ts';
import { completed, newJob, type Twin } from './twin.ts';

const customers = ['7', 7, true, '8'];
const titles = ['Translate the Invoice', 'translate  the letter', 'Ärger mit Rechnung 4711', undefined];

/** Reads page after page. */
async function listAll(log: WholeLog, tenant: string, filter: ListFilter, limit: number): Promise<Job[]> {
  const found: Job[] = [];
  for (let cursor: string | undefined, pages = 0; pages < 1_000; pages += 1) {
    const page = await log.list(tenant, { ...filter, limit, cursor });
    found.push(...page.jobs);
    if (page.cursor === undefined) {
      expect(await log.count(tenant, filter)).toEqual({ jobs: found.length, hasMore: false });
      return found;
    }
    cursor = page.cursor;
  }
  throw new Error('the list has no end');
}

const idsOf = (jobs: Job[]) => jobs.map(({ jobId }) => jobId);

async function end(log: WholeLog, { jobId }: NewJob, terminal: (typeof terminalStatuses)[number]) {
  const body = terminal === 'completed' ? completed : JSON.stringify({ type: terminal });
  const ending = terminal === 'failed' ? { costUsd: 0.25, failure: 'claude_error' } : { costUsd: 0.5 };
  const end = { jobId, fence: 1, firstSeq: 2, bodies: [body], hasOutput: false, terminal, ending };
  expect((await log.append(end)).code).toBe('ok');
}

/** What can become of a job, by what it is then. */
const fates: Record<string, (log: WholeLog, job: NewJob) => Promise<unknown>> = {
  queued: async () => undefined,
  running: (log, { jobId }) => log.begin(jobId, 60_000, 'worker-1'),
  async 'queued again'(log, { jobId }) {
    await log.begin(jobId, 60_000, 'worker-1');
    await log.release(jobId, 1, true);
  },
  'cancelled while queued': (log, { jobId, tenant }) => log.cancel(tenant, jobId, 'client'),
  async 'asked to be cancelled'(log, { jobId, tenant }) {
    await log.begin(jobId, 60_000, 'worker-1');
    await log.cancel(tenant, jobId, 'client');
  },
  ...Object.fromEntries(
    terminalStatuses.map((status) => [
      status,
      async (log: WholeLog, job: NewJob) => {
        await log.begin(job.jobId, 60_000, 'worker-1');
        await end(log, job, status);
      },
    ]),
  ),
};

export function describeFilters(twin: () => Twin): void {
  describe('a filter of the list', () => {
    it('finds exactly what it names, combined with any other, on pages of any size', async () => {
      const { log, pass } = twin();
      const tenant = createEpoch();
      let n = 0;
      for (const fate of Object.values(fates)) {
        const jobs = titles.map((title) => {
          n += 1;
          const metadata = { customer: customers[n % 4], nested: { a: 1 }, number: n % 3 };
          const spec = { prompt: 'x', ...(n % 5 === 0 ? {} : { metadata }) };
          return newJob({ tenant, spec, ...(title === undefined ? {} : { title }) });
        });
        await Promise.all(
          jobs.map(async (job) => {
            await log.create(job);
            await fate(log, job);
          }),
        );
        await pass(2);
      }
      const all = await listAll(log, tenant, {}, 100);
      expect(all).toHaveLength(n);
      const seen = await Promise.all(all.map(async ({ jobId }) => (await log.get(tenant, jobId))?.job));
      expect(all).toEqual(seen);
      const middle = all[Math.floor(n / 2)];
      if (!middle) throw new Error('there is none');

      const statuses = [...jobStatuses.map((status) => ({ status })), { status: 'unfinished' as const }];
      const others: [ListFilter, (job: Job) => boolean][] = [
        [{}, () => true],
        [{ since: middle.createdAt }, ({ createdAt }) => createdAt >= middle.createdAt],
        [{ before: middle.createdAt }, ({ createdAt }) => createdAt < middle.createdAt],
        [{ metadata: { customer: '7' } }, ({ metadata }) => String(metadata?.customer) === '7'],
        [
          { metadata: { customer: 'true', number: '1' } },
          ({ metadata }) => metadata?.customer === true && metadata.number === 1,
        ],
        [{ metadata: { nested: '[object Object]' } }, () => false],
        [{ text: 'TRANSLATE THE' }, ({ title = '' }) => /^translate +the/i.test(title)],
        [{ text: 'ärger' }, ({ title = '' }) => title.startsWith('Ärger')],
        [
          { text: '4711', metadata: { number: '0' } },
          (job) => isNumber(job, 0) && /4711/.test(job.title ?? ''),
        ],
        [{ idPrefix: middle.jobId.slice(0, 10) }, ({ jobId }) => jobId.startsWith(middle.jobId.slice(0, 10))],
        [{ idPrefix: middle.jobId, metadata: { number: 'x' } }, () => false],
      ];
      // Each with all, and with one of the others in turn.
      const combined = [{}, ...statuses].flatMap((status, i) =>
        others.filter((_, k) => i === 0 || k === 0 || (i + k) % 4 === 0).map((other) => ({ status, other })),
      );
      for (const [i, { status, other }] of combined.entries()) {
        const [filter, holds] = other;
        const wanted = all.filter((job) => hasStatus(job, status) && holds(job));
        const limit = i % 5 === 0 ? 3 : 100;
        const found = await listAll(log, tenant, { ...status, ...filter }, limit);
        expect(idsOf(found), JSON.stringify({ ...status, ...filter, limit })).toEqual(idsOf(wanted));
      }
    });

    it('is of its tenant', async () => {
      const { log } = twin();
      const [tenant, other] = [createEpoch(), createEpoch()];
      const spec = { prompt: 'x', metadata: { customer: '7' } };
      const job = newJob({ tenant: other, spec, title: 'a title' });
      await log.create(job);
      for (const filter of [
        { status: 'queued' as const },
        { metadata: { customer: '7' } },
        { text: 'title' },
        { idPrefix: job.jobId },
      ]) {
        expect(idsOf(await listAll(log, other, filter, 10))).toEqual([job.jobId]);
        expect(await listAll(log, tenant, filter, 10)).toEqual([]);
        await log.cancel(tenant, job.jobId, 'client');
        expect(await listAll(log, tenant, { status: 'cancelled' }, 10)).toEqual([]);
      }
    });

    it('of metadata reaches the first members, and those that are not long', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const names = Array.from({ length: 17 }, (_, i) => `m${i}`);
      const metadata = {
        ['n'.repeat(65)]: 'v',
        long: 'v'.repeat(257),
        ...Object.fromEntries(names.map((name) => [name, 'v'])),
      };
      await log.create(newJob({ tenant, spec: { prompt: 'x', metadata } }));
      const count = async (name: string, value: string) =>
        (await listAll(log, tenant, { metadata: { [name]: value } }, 10)).length;
      expect(await Promise.all(Object.entries(metadata).map(([name, value]) => count(name, value)))).toEqual([
        ...[0, 0],
        ...names.map((_, i) => (i < 16 ? 1 : 0)),
      ]);
    });

    it('of a conversation finds who has begun it and who continues it', async () => {
      const { log } = twin();
      const [tenant, conversation] = [createEpoch(), createEpoch()];
      const metadata = { customer: '7' };
      const first = newJob({ tenant, spec: { prompt: 'x', metadata } });
      const next = newJob({ tenant, spec: { prompt: 'y', conversation } });
      for (const job of [first, newJob({ tenant }), next]) await log.create(job);
      await log.begin(first.jobId, 60_000, 'worker-1');
      expect(idsOf(await listAll(log, tenant, { conversation }, 10))).toEqual([next.jobId]);
      const end = { jobId: first.jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false };
      await log.append({ ...end, terminal: 'completed', ending: { conversation } });
      const found = async (filter: ListFilter) =>
        idsOf(await listAll(log, tenant, { conversation, ...filter }, 1)).sort();
      expect(await found({})).toEqual([first.jobId, next.jobId].sort());
      expect(await found({ status: 'completed', metadata })).toEqual([first.jobId]);
      expect(await found({ idPrefix: next.jobId })).toEqual([next.jobId]);
      expect(await found({ conversation: createEpoch(), idPrefix: next.jobId })).toEqual([]);
      expect(await listAll(log, createEpoch(), { conversation }, 10)).toEqual([]);
    });

    it('shows what a job cost, and how it failed, once it has ended', async () => {
      const { log } = twin();
      const tenant = createEpoch();
      const job = newJob({ tenant, title: 'a title' });
      await log.create(job);
      await log.begin(job.jobId, 60_000, 'worker-1');
      const [before] = await listAll(log, tenant, {}, 10);
      expect(before).toMatchObject({ title: 'a title' });
      expect([before?.costUsd, before?.failure]).toEqual([undefined, undefined]);
      await end(log, job, 'failed');
      expect(await listAll(log, tenant, {}, 10)).toMatchObject([{ costUsd: 0.25, failure: 'claude_error' }]);
    });
  });
}

const isNumber = ({ metadata }: Job, number: number) => metadata?.number === number;

function hasStatus(job: Job, { status }: ListFilter): boolean {
  if (status === 'unfinished') return job.status === 'queued' || job.status === 'running';
  return status === undefined || job.status === status;
}
