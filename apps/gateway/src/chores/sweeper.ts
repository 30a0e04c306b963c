/**
 * The sweeper: ends what no worker will end. It runs in every gateway and needs no worker; a claim gives each job to one
 * of them. It looks at nothing but jobs whose lease or deadline may have passed, so that it does not matter how many
 * wait or have ended; whether the queue has a job is for the queue check.
 *
 * After Redis was away (or stood still, or this gateway has just started) leases look lapsed that their workers are
 * about to renew: it waits for one lease before it acts.
 */
import type { Claim, JobSweep, NextLook } from '@cc-executor/job-log';
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
  abandonWatch: Pick<AbandonWatch, 'suspect'>;
  intervalMs: number;
  leaseMs: number;
  metrics: Pick<GatewayMetrics, 'sweeperJobs' | 'sweepFailures'>;
  logger: Logger;
};

const CLAIM_LIMIT = 200;
const HOLD_MS = 5_000;
/** A job that could not be settled is looked at this often, in ms: an operator may have put it right. */
const FAULTY_CHECK_MS = 60_000;
/** Index entries that expired, and charges that were left, are taken out every so many sweeps. */
const PRUNE_EVERY = 600;

export function startSweeper(options: SweeperOptions): Sweeper {
  const { sweep, abandonWatch, intervalMs, leaseMs, metrics, logger } = options;
  let quietUntil = performance.now() + leaseMs;
  let count = 0;
  let failures = 0;
  let running: Promise<void> | undefined;

  function redisWasAway(): void {
    quietUntil = performance.now() + leaseMs;
  }

  async function sweepOnce(): Promise<void> {
    // The other half of the time is the clients'.
    const stopAt = performance.now() + intervalMs / 2;
    try {
      let mayBeMore = true;
      while (mayBeMore && performance.now() >= quietUntil && performance.now() < stopAt) {
        mayBeMore = await settleSome();
      }
      await sweep.expire();
      count += 1;
      if (count % PRUNE_EVERY === 0) {
        await sweep.prune();
        await sweep.recount();
      }
      failures = 0;
    } catch (err) {
      redisWasAway();
      failures += 1;
      metrics.sweepFailures.inc();
      if (failures % 30 === 1) logger.warn({ err, failures }, 'the sweep failed; it waits for one lease');
    }
  }

  /** Claims some jobs and decides about them; false when those were all that are due. */
  async function settleSome(): Promise<boolean> {
    const startedAt = performance.now();
    const claim = await sweep.claim(CLAIM_LIMIT, HOLD_MS);
    // Redis stood still, or the claim was sent again when it was back: it and the leases around it tell nothing.
    const isVoid = performance.now() - startedAt > intervalMs || performance.now() < quietUntil;
    if (isVoid) redisWasAway();
    const looks = claim.jobIds.map((jobId) =>
      isVoid ? dueStill(jobId, claim) : settle(jobId, claim).catch((err) => setAside(jobId, claim, err)),
    );
    await sweep.reschedule(claim, await Promise.all(looks));
    return claim.jobIds.length === CLAIM_LIMIT;
  }

  /** A job whose record Redis refuses to touch must not hold up the others; it is looked at now and then. */
  function setAside(jobId: string, claim: Claim, err: unknown): NextLook {
    if (isCurable(err)) throw err;
    logger.error({ event: logEvents.redisRefused, err, jobId }, 'a job can be neither read nor ended');
    return { jobId, at: claim.at + FAULTY_CHECK_MS };
  }

  /** Nothing was decided. */
  function dueStill(jobId: string, claim: Claim): NextLook {
    return { jobId, at: claim.at };
  }

  /** Says when the job is due again. */
  async function settle(jobId: string, claim: Claim): Promise<NextLook> {
    const settled = await sweep.settle(jobId, claim);
    if ('mayBeAbandoned' in settled && settled.mayBeAbandoned) {
      abandonWatch.suspect({ tenant: settled.tenant, jobId });
    }
    switch (settled.code) {
      case 'stale':
        redisWasAway();
        return dueStill(jobId, claim);
      case 'gone':
      case 'terminal':
        return { jobId, at: undefined };
      case 'ended':
        metrics.sweeperJobs.inc({ result: settled.status });
        logger.warn({ jobId, status: settled.status }, 'job ended by the sweeper');
        return { jobId, at: undefined };
      case 'alive':
        return { jobId, at: settled.nextAt };
      case 'requeued':
        metrics.sweeperJobs.inc({ result: 'requeued' });
        logger.warn({ jobId }, 'job queued again by the sweeper');
        return { jobId, at: settled.nextAt, isUnqueued: true };
      case 'queued':
        // It was given back, or an older gateway accepted it.
        return { jobId, at: settled.nextAt, isUnqueued: true };
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
