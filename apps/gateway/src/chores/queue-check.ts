/**
 * The queue check: sees to it that the queue has every job that waits for a worker. Whoever accepted the job may have
 * died before it was enqueued, and an entry may be lost or used up; a worker may have died before it freed its slot. It runs in every gateway, beside the sweeper
 * and at a bounded pace, so that a long queue delays no ending.
 *
 * Entries that nobody has confirmed are looked for at once, all others in slow rounds. Record and queue may be on different
 * servers, and a job can be handed out, run and end between two looks: so the queue is asked for marks first, then the records,
 * and nothing is put in line that has changed since.
 */
import type { QueueNeed, Unqueued } from '@cc-executor/job-log';
import type { EntryNeed, EntryState, Producer } from '@cc-executor/queue';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger, logEvents } from '@cc-executor/runtime';
import type { GatewayMetrics } from '../metrics.ts';
import type { AbandonWatch } from './abandon-watch.ts';

export type QueueCheck = {
  /** Resolves when the look under way is over. Idempotent. */
  close(): Promise<void>;
};

export type QueueCheckOptions = {
  unqueued: Unqueued;
  producer: Pick<Producer, 'marks' | 'ensure' | 'recount'>;
  abandonWatch: Pick<AbandonWatch, 'suspect'>;
  intervalMs: number;
  leaseMs: number;
  metrics: Pick<GatewayMetrics, 'sweeperJobs'>;
  logger: Logger;
};

/** Jobs that are looked at in one interval: of those without a confirmed entry, and of all others. */
const LIMIT = 500;
const HOLD_MS = 5_000;
/** A round through all unfinished jobs takes this long at least, in ms. */
const ROUND_MS = 30_000;
/** A job whose record cannot be read is looked at this often, in ms: an operator may have put it right. */
const FAULTY_CHECK_MS = 60_000;

type Look = { jobId: string; need: QueueNeed | { is: 'faulty' }; mark: string | undefined };

export function startQueueCheck(options: QueueCheckOptions): QueueCheck {
  const { unqueued, producer, abandonWatch, intervalMs, leaseMs, metrics, logger } = options;
  const onFailed = createRepeatedWarning(logger, 'the queue check failed; it is tried again');
  let running: Promise<void> | undefined;

  async function checkOnce(): Promise<void> {
    await checkUnconfirmed();
    const jobIds = await unqueued.nextStretch({ count: LIMIT, paceMs: intervalMs, roundMs: ROUND_MS });
    await ensure(waitingOf(await lookAtAll(jobIds)));
    await producer.recount();
  }

  async function checkUnconfirmed(): Promise<void> {
    const { at, jobIds } = await unqueued.claim(LIMIT, HOLD_MS);
    const looks = await lookAtAll(jobIds);
    const waiting = waitingOf(looks);
    const entries = await ensure(waiting);
    // A worker is about to begin it, or still has a lost attempt, whose end leaves no entry.
    const isOpen = (entry: EntryState | undefined) => entry === 'taken' || entry === 'changed';
    const taken = new Set(waiting.filter((_, i) => isOpen(entries[i])).map(({ jobId }) => jobId));
    const faulty = looks.filter(({ need }) => need.is === 'faulty').map(({ jobId }) => jobId);
    const open = new Set([...taken, ...faulty]);
    await Promise.all([
      unqueued.lookAgain([...taken], at + leaseMs),
      unqueued.lookAgain(faulty, at + FAULTY_CHECK_MS),
      unqueued.confirm(jobIds.filter((jobId) => !open.has(jobId))),
    ]);
  }

  async function lookAtAll(jobIds: string[]): Promise<Look[]> {
    const marks = await producer.marks(jobIds);
    return Promise.all(jobIds.map((jobId, i) => look(jobId, marks[i])));
  }

  async function look(jobId: string, mark: string | undefined): Promise<Look> {
    try {
      const need = await unqueued.look(jobId);
      // Its listeners' gateway may have died: should nobody listen, it is to be cancelled.
      if (need.is === 'queued' && need.mayBeAbandoned) abandonWatch.suspect({ tenant: need.tenant, jobId });
      return { jobId, need, mark };
    } catch (err) {
      if (isCurable(err)) throw err;
      logger.error({ event: logEvents.redisRefused, err, jobId }, 'the record of a job cannot be read');
      return { jobId, need: { is: 'faulty' }, mark };
    }
  }

  async function ensure(waiting: EntryNeed[]): Promise<EntryState[]> {
    const entries = await producer.ensure(waiting);
    for (const [i, { jobId }] of waiting.entries()) {
      if (entries[i] !== 'made') continue;
      metrics.sweeperJobs.inc({ result: 'enqueued' });
      logger.warn({ jobId }, 'job enqueued by the queue check');
    }
    return entries;
  }

  const timer = setInterval(() => {
    running ??= checkOnce()
      .catch(onFailed)
      .finally(() => {
        running = undefined;
      });
  }, intervalMs);
  timer.unref();

  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

function waitingOf(looks: Look[]): EntryNeed[] {
  return looks.flatMap(({ jobId, need, mark }) => {
    if (need.is !== 'queued') return [];
    const { tenant, priority, notBefore, hasBegun } = need;
    // All that wait for a limit wait for the same: those that were never taken go first.
    return [{ jobId, tenant, priority, notBefore, keepsTurn: hasBegun && notBefore === 0, mark }];
  });
}
