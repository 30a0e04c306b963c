/**
 * The sweeper: ends what no worker will end, and enqueues what the queue does not know. It runs in every gateway and
 * needs no worker; a claim gives each job to one of them.
 *
 * After Redis was away (or stood still, or this gateway has just started) leases look lapsed that their workers are
 * about to renew: it waits for one lease before it acts.
 */
import type { Claim, JobSweep } from '@cc-executor/job-log';
import type { Producer } from '@cc-executor/queue';
import { isCurable } from '@cc-executor/redis';
import { type Logger, logEvents } from '@cc-executor/runtime';
import type { GatewayMetrics } from '../metrics.ts';
import type { AbandonWatch } from './abandon-watch.ts';

export type Sweeper = {
  /** Redis was away: wait for one lease from now. */
  redisWasAway(): void;
  /** Resolves when the sweep under way is over. Idempotent. */
  close(): Promise<void>;
};

export type SweeperOptions = {
  sweep: JobSweep;
  producer: Pick<Producer, 'ensure'>;
  abandonWatch: Pick<AbandonWatch, 'suspect'>;
  intervalMs: number;
  leaseMs: number;
  metrics: Pick<GatewayMetrics, 'sweeperJobs' | 'sweepFailures'>;
  logger: Logger;
};

const CLAIM_LIMIT = 200;
const HOLD_MS = 5_000;
/** A queued job's entry is looked for this often, in ms. */
const QUEUED_CHECK_MS = 30_000;
/** A job that could not be settled is looked at this often, in ms: an operator may have put it right. */
const FAULTY_CHECK_MS = 60_000;
/** Index entries that expired are taken out every so many sweeps. */
const PRUNE_EVERY = 600;

export function startSweeper(options: SweeperOptions): Sweeper {
  const { sweep, producer, abandonWatch, intervalMs, leaseMs, metrics, logger } = options;
  let quietUntil = performance.now() + leaseMs;
  let count = 0;
  let failures = 0;
  let running: Promise<void> | undefined;

  function redisWasAway(): void {
    quietUntil = performance.now() + leaseMs;
  }

  async function sweepOnce(): Promise<void> {
    if (performance.now() < quietUntil) return;
    try {
      const startedAt = performance.now();
      const claim = await sweep.claim(CLAIM_LIMIT, HOLD_MS);
      // Redis stood still: this claim and the leases around it tell nothing.
      if (performance.now() - startedAt > intervalMs) return redisWasAway();
      await Promise.all(
        claim.jobIds.map((jobId) => settle(jobId, claim).catch((err) => setAside(jobId, claim, err))),
      );
      count += 1;
      if (count % PRUNE_EVERY === 0) await sweep.prune();
      failures = 0;
    } catch (err) {
      redisWasAway();
      failures += 1;
      metrics.sweepFailures.inc();
      if (failures % 30 === 1) logger.warn({ err, failures }, 'the sweep failed; it waits for one lease');
    }
  }

  /** A job whose record Redis refuses to touch must not hold up the others; it is looked at now and then. */
  async function setAside(jobId: string, claim: Claim, err: unknown): Promise<void> {
    if (isCurable(err)) throw err;
    logger.error({ event: logEvents.redisRefused, err, jobId }, 'a job can be neither read nor ended');
    await sweep.reschedule(jobId, claim.at + FAULTY_CHECK_MS);
  }

  async function settle(jobId: string, claim: Claim): Promise<void> {
    const settled = await sweep.settle(jobId, claim);
    if ('mayBeAbandoned' in settled && settled.mayBeAbandoned) {
      abandonWatch.suspect({ tenant: settled.tenant, jobId });
    }
    switch (settled.code) {
      case 'stale':
        redisWasAway();
        return;
      case 'gone':
      case 'terminal':
        return sweep.reschedule(jobId, undefined);
      case 'ended':
        metrics.sweeperJobs.inc({ result: settled.status });
        logger.warn({ jobId, status: settled.status }, 'job ended by the sweeper');
        return sweep.reschedule(jobId, undefined);
      case 'alive':
        return sweep.reschedule(jobId, settled.nextAt);
      case 'queued':
      case 'requeued': {
        const entry = await producer.ensure(jobId, { priority: settled.priority });
        if (settled.code === 'requeued') metrics.sweeperJobs.inc({ result: 'requeued' });
        else if (entry === 'made') metrics.sweeperJobs.inc({ result: 'enqueued' });
        if (entry === 'made') logger.warn({ jobId, code: settled.code }, 'job enqueued by the sweeper');
        // A worker that is about to begin, or one that still has a lost attempt: then its end leaves no entry.
        const checkMs = entry === 'taken' ? leaseMs : QUEUED_CHECK_MS;
        return sweep.reschedule(jobId, Math.min(settled.nextAt, claim.at + checkMs));
      }
    }
  }

  const timer = setInterval(() => {
    running ??= sweepOnce().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  timer.unref();

  return {
    redisWasAway,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
