/** Conformance: the record of a job, from its creation to its end. */
import { createEpoch, createJobId, MAX_LISTENER_NOTES } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import {
  cancelled,
  completed,
  listenerNote,
  newJob,
  output,
  parseEvents,
  readAll,
  runningJob,
  TENANT,
  type Twin,
} from './twin.ts';

export function describeRecord(twin: () => Twin): void {
  describe('an idempotency key', () => {
    it('keeps the first job id and payload hash, per tenant', async () => {
      const { log } = twin();
      const key = `any text: { } "ü" ${createEpoch()}`;
      const [first, second] = [createJobId(), createJobId()];
      expect(await log.reserve('a', key, first, 'hash-1')).toMatchObject({ jobId: first, hash: 'hash-1' });
      expect(await log.reserve('a', key, second, 'hash-2')).toMatchObject({ jobId: first, hash: 'hash-1' });
      expect(await log.reserve('b', key, second, 'hash-2')).toMatchObject({ jobId: second, hash: 'hash-2' });
    });

    it('goes to one of many that ask at once', async () => {
      const { log } = twin();
      const key = createEpoch();
      const held = await Promise.all(
        Array.from({ length: 20 }, () => log.reserve('a', key, createJobId(), 'hash')),
      );
      expect(new Set(held.map(({ jobId }) => jobId)).size).toBe(1);
    });
  });

  describe('creating', () => {
    it('writes the record and the event queued', async () => {
      const { log } = twin();
      const job = newJob({ spec: { prompt: 'x', metadata: { a: [1, '"', null] } } });
      expect(await log.create(job)).toEqual({ created: true, epoch: job.epoch, status: 'queued' });
      const stored = await log.get(TENANT, job.jobId);
      expect(stored?.job).toEqual({
        jobId: job.jobId,
        tenant: TENANT,
        epoch: job.epoch,
        status: 'queued',
        attempt: 0,
        lastSeq: 1,
        cancelRequested: false,
        pauseRequested: false,
        createdAt: expect.any(Number),
        deadlineAt: (stored?.job.createdAt ?? 0) + job.queueMs,
        metadata: { a: [1, '"', null] },
      });
      expect(parseEvents(await readAll(log, job.jobId))).toEqual([
        {
          jobId: job.jobId,
          epoch: job.epoch,
          seq: 1,
          attempt: 0,
          time: stored?.job.createdAt,
          type: 'queued',
        },
      ]);
    });

    it('keeps what the worker is told, and whether the job may be abandoned, but no prompt is read for that', async () => {
      const { log } = twin();
      const job = newJob({ spec: { prompt: 'x', metadata: { a: 1 }, onDisconnect: 'cancel', maxTurns: 3 } });
      await log.create(job);
      expect(await log.get(TENANT, job.jobId)).toEqual({
        job: expect.objectContaining({ metadata: { a: 1 } }),
        mayBeAbandoned: true,
        terminalEvent: undefined,
        listeners: [],
        moreListeners: 0,
      });
      expect(await log.begin(job.jobId, 1_000, 'worker-1')).toMatchObject({
        attempt: { spec: { prompt: 'x', onDisconnect: 'cancel', maxTurns: 3 } },
      });
    });

    it('keeps who listened, the last note of each, and of those that stopped the newest', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const notes = Array.from({ length: MAX_LISTENER_NOTES }, (_, i) => listenerNote(`${i}`));
      await log.noteListeners(TENANT, jobId, notes);
      const ended = listenerNote('7', { state: 'ended', lastSeq: 9, until: 1_795_763_319_456 });
      await log.noteListeners(TENANT, jobId, [ended, listenerNote('new')]);
      expect(await log.get(TENANT, jobId)).toMatchObject({
        listeners: [...notes.filter(({ id }) => id !== '7'), listenerNote('new')],
        moreListeners: 1,
      });
      await log.noteListeners(TENANT, jobId, [listenerNote('newest', { state: 'left' })]);
      const { listeners = [], moreListeners } = (await log.get(TENANT, jobId)) ?? {};
      expect(listeners).toHaveLength(MAX_LISTENER_NOTES);
      expect(listeners.map(({ id }) => id)).not.toContain('newest');
      expect(moreListeners).toBe(2);
    });

    it('keeps of many who listened those longest that did not only look on', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const notes = Array.from({ length: MAX_LISTENER_NOTES - 1 }, (_, i) =>
        listenerNote(`${i}`, { state: 'left' }),
      );
      const pages = [1, 2, 3].map((i) => listenerNote(`page-${i}`, { watches: true }));
      await log.noteListeners(TENANT, jobId, [...pages, ...notes]);
      const { listeners, moreListeners } = (await log.get(TENANT, jobId)) ?? {};
      expect(listeners).toEqual([pages[2], ...notes]);
      expect(moreListeners).toBe(2);
    });

    it('again changes nothing, whatever has become of the job', async () => {
      const { log } = twin();
      const job = newJob();
      await log.create(job);
      const again = { ...job, epoch: createEpoch() };
      expect(await log.create(again)).toEqual({ created: false, epoch: job.epoch, status: 'queued' });
      await log.begin(job.jobId, 1_000, 'worker-1');
      expect(await log.create(again)).toEqual({ created: false, epoch: job.epoch, status: 'running' });
      await log.append({
        jobId: job.jobId,
        fence: 1,
        firstSeq: 2,
        bodies: [completed],
        hasOutput: false,
        terminal: 'completed',
      });
      expect(await log.create(again)).toEqual({ created: false, epoch: job.epoch, status: 'completed' });
      expect(await readAll(log, job.jobId)).toHaveLength(2);
    });

    it('again with the same epoch is the same creation: its reply was lost', async () => {
      const { log } = twin();
      const job = newJob();
      const first = await log.create(job);
      expect(first.created).toBe(true);
      expect(await log.create(job)).toEqual(first);
      expect(await readAll(log, job.jobId)).toHaveLength(1);
    });

    it('by many at once happens once', async () => {
      const { log } = twin();
      const job = newJob();
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, () => log.create({ ...job, epoch: createEpoch() })),
      );
      expect(outcomes.filter(({ created }) => created)).toHaveLength(1);
      expect(await readAll(log, job.jobId)).toHaveLength(1);
    });
  });

  describe('beginning', () => {
    it('gives the attempt its fence, its position, what to do and how long', async () => {
      const { log } = twin();
      const job = newJob({ totalMs: 5_000 });
      await log.create(job);
      expect(await log.begin(job.jobId, 1_000, 'worker-1')).toEqual({
        code: 'begun',
        attempt: {
          fence: 1,
          lastSeq: 1,
          epoch: job.epoch,
          tenant: TENANT,
          spec: job.spec,
          remainingMs: 5_000,
          takeBy: expect.any(Number),
          attempts: 1,
          queuedMs: expect.any(Number),
          hasOutput: false,
          pauseWish: false,
          bodyBytes: 0,
        },
      });
      const stored = await log.get(TENANT, job.jobId);
      expect(stored?.job).toMatchObject({ status: 'running', attempt: 1, lastSeq: 1 });
      expect(stored?.job.deadlineAt).toBe((stored?.job.startedAt ?? 0) + 5_000);
    });

    it('is refused while another has the job, even with a lapsed lease, and of jobs that ended or are not there', async () => {
      const { log, pass } = twin();
      const job = newJob();
      await log.create(job);
      await log.begin(job.jobId, 1, 'worker-1');
      await pass(5);
      expect(await log.begin(job.jobId, 1_000, 'worker-2')).toEqual({ code: 'held' });
      await log.append({
        jobId: job.jobId,
        fence: 1,
        firstSeq: 2,
        bodies: [completed],
        hasOutput: false,
        terminal: 'completed',
      });
      expect(await log.begin(job.jobId, 1_000, 'worker-1')).toEqual({ code: 'terminal' });
      expect(await log.begin(createJobId(), 1_000, 'worker-1')).toEqual({ code: 'missing' });
    });

    it('by many at once is given to one', async () => {
      const { log } = twin();
      const job = newJob();
      await log.create(job);
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, i) => log.begin(job.jobId, 1_000, `worker-${i}`)),
      );
      expect(outcomes.map(({ code }) => code).sort()).toEqual(['begun', ...Array(9).fill('held')]);
    });

    it('again, by the one that has the job, gives the same answer', async () => {
      const { log, pass } = twin();
      const job = newJob();
      await log.create(job);
      const begun = await log.begin(job.jobId, 1_000, 'worker-1');
      expect(await log.begin(job.jobId, 1_000, 'worker-1')).toEqual(begun);
      const late = newJob({ queueMs: 1 });
      await log.create(late);
      await pass(5);
      const tooLate = await log.begin(late.jobId, 1_000, 'worker-1');
      expect(tooLate.code).toBe('queue_timeout');
      expect(await log.begin(late.jobId, 1_000, 'worker-1')).toEqual(tooLate);
      await log.release(late.jobId, 1, true);
      expect(await log.begin(late.jobId, 1_000, 'worker-1')).toMatchObject({ code: 'begun' });
    });

    it('of a job that waited too long says so, and leaves it to the taker to end it', async () => {
      const { log, pass } = twin();
      const job = newJob({ queueMs: 1 });
      await log.create(job);
      await pass(5);
      expect(await log.begin(job.jobId, 1_000, 'worker-1')).toMatchObject({
        code: 'queue_timeout',
        attempt: { fence: 1, lastSeq: 1 },
      });
      const body = JSON.stringify({ type: 'timed_out', limit: 'queue', partial: false });
      expect(
        await log.append({
          jobId: job.jobId,
          fence: 1,
          firstSeq: 2,
          bodies: [body],
          hasOutput: false,
          terminal: 'timed_out',
        }),
      ).toMatchObject({ code: 'ok', lastSeq: 2, cancelBy: undefined, pauseWish: false });
    });
  });

  describe('renewing', () => {
    it('is for the attempt that has the job', async () => {
      const { log } = twin();
      const job = await runningJob(log);
      expect(await log.renew(job.jobId, 1, 1_000)).toEqual({
        code: 'ok',
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.renew(job.jobId, 2, 1_000)).toEqual({
        code: 'fenced',
        cancelBy: undefined,
        pauseWish: false,
      });
      expect(await log.renew(createJobId(), 1, 1_000)).toEqual({
        code: 'missing',
        cancelBy: undefined,
        pauseWish: false,
      });
      const queued = newJob();
      await log.create(queued);
      expect(await log.renew(queued.jobId, 0, 1_000)).toEqual({
        code: 'fenced',
        cancelBy: undefined,
        pauseWish: false,
      });
    });

    it('tells of a cancel, and of the end', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.cancel(TENANT, jobId, 'disconnect');
      expect(await log.renew(jobId, 1, 1_000)).toEqual({
        code: 'ok',
        cancelBy: 'disconnect',
        pauseWish: false,
      });
      await log.append({
        jobId,
        fence: 1,
        firstSeq: 2,
        bodies: [cancelled],
        hasOutput: false,
        terminal: 'cancelled',
      });
      expect(await log.renew(jobId, 1, 1_000)).toEqual({
        code: 'terminal',
        cancelBy: undefined,
        pauseWish: false,
      });
    });
  });

  describe('cancelling', () => {
    it('ends a queued job at once', async () => {
      const { log } = twin();
      const { jobId } = newJob();
      await log.create(newJob({ jobId }));
      expect(await log.cancel(TENANT, jobId, 'client')).toEqual({ code: 'cancelled', status: 'cancelled' });
      const stored = await log.get(TENANT, jobId);
      expect(stored?.job).toMatchObject({ status: 'cancelled', lastSeq: 2, cancelRequested: true });
      expect(stored?.job.endedAt).toBeGreaterThanOrEqual(stored?.job.createdAt ?? Number.NaN);
      const last = parseEvents(await readAll(log, jobId)).at(-1);
      expect(last).toMatchObject({ seq: 2, type: 'cancelled', by: 'client', partial: false });
      expect(await log.begin(jobId, 1_000, 'worker-1')).toEqual({ code: 'terminal' });
    });

    it('of a running job is recorded once, and leaves only the end as cancelled', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      expect(await log.cancel(TENANT, jobId, 'disconnect')).toEqual({ code: 'requested', status: 'running' });
      expect(await log.cancel(TENANT, jobId, 'client')).toEqual({ code: 'requested', status: 'running' });
      const batch = { jobId, fence: 1, firstSeq: 2, hasOutput: false };
      expect(await log.append({ ...batch, bodies: [output('late')] })).toMatchObject({
        code: 'ok',
        lastSeq: 2,
        cancelBy: 'disconnect',
        pauseWish: false,
      });
      const end = { ...batch, firstSeq: 3 };
      expect(await log.append({ ...end, bodies: [completed], terminal: 'completed' })).toMatchObject({
        code: 'cancel_requested',
        lastSeq: 2,
        cancelBy: 'disconnect',
        pauseWish: false,
      });
      expect(await log.append({ ...end, bodies: [cancelled], terminal: 'cancelled' })).toMatchObject({
        code: 'ok',
        lastSeq: 3,
      });
    });

    it('says how a job had ended already, or that there is none', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const bodies = [completed];
      await log.append({ jobId, fence: 1, firstSeq: 2, bodies, hasOutput: false, terminal: 'completed' });
      expect(await log.cancel(TENANT, jobId, 'client')).toEqual({ code: 'terminal', status: 'completed' });
      expect((await log.get(TENANT, jobId))?.job.cancelRequested).toBe(false);
      expect(await log.cancel(TENANT, createJobId(), 'client')).toEqual({ code: 'missing' });
    });
  });

  describe('handing back', () => {
    it('queues the job again and fences the attempt off', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true };
      await log.append(batch);
      expect(await log.release(jobId, 1, true)).toBe('ok');
      expect(await log.append({ ...batch, firstSeq: 3 })).toMatchObject({ code: 'fenced' });
      expect(await log.renew(jobId, 1, 1_000)).toMatchObject({ code: 'fenced' });
      const begun = await log.begin(jobId, 1_000, 'worker-1');
      expect(begun).toMatchObject({ code: 'begun', attempt: { lastSeq: 2, hasOutput: true } });
      const fence = 'attempt' in begun ? begun.attempt.fence : 0;
      expect(await log.append({ ...batch, fence, firstSeq: 3 })).toMatchObject({ code: 'ok', lastSeq: 3 });
    });

    it('and cancelling then says that output stands in the log', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      await log.append({ jobId, fence: 1, firstSeq: 2, bodies: [output('x')], hasOutput: true });
      await log.release(jobId, 1, true);
      expect(await log.cancel(TENANT, jobId, 'operator')).toMatchObject({ code: 'cancelled' });
      const last = parseEvents(await readAll(log, jobId)).at(-1);
      expect(last).toMatchObject({ type: 'cancelled', by: 'operator', partial: true });
    });

    it('is refused to others, after a cancel, and of jobs that ended or are not there', async () => {
      const { log } = twin();
      const { jobId } = await runningJob(log);
      expect(await log.release(jobId, 2, true)).toBe('fenced');
      await log.cancel(TENANT, jobId, 'client');
      expect(await log.release(jobId, 1, true)).toBe('cancel_requested');
      const bodies = [cancelled];
      await log.append({ jobId, fence: 1, firstSeq: 2, bodies, hasOutput: false, terminal: 'cancelled' });
      expect(await log.release(jobId, 1, true)).toBe('terminal');
      expect(await log.release(createJobId(), 1, true)).toBe('missing');
    });
  });
}
