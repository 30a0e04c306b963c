/**
 * One job in a slot of this worker, from its queue entry to its terminal event: begin → attempt → finish.
 *
 * Each step is sent again until Redis has answered, or has refused for good; only then is the queue entry let go. If
 * this process dies before, the lease in the record lapses and the sweeper ends the job.
 */
import { randomUUID } from 'node:crypto';
import type { BeginOutcome } from '@cc-executor/job-log';
import type { Processed, Slot } from '@cc-executor/queue';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, logEvents, onAbort, repeatUntilAnswered } from '@cc-executor/runtime';
import { type AttemptContext, createAttempt } from './attempt.ts';

export type ProcessContext = AttemptContext & { leaseMs: number };

/** Processes one job. Never rejects. */
export async function processJob(context: ProcessContext, jobId: string, slot: Slot): Promise<Processed> {
  const takenAt = performance.now();
  const { log, usageBlock, leases, leaseMs } = context;
  const logger = context.logger.child({ jobId });
  // One name for this pick-up of the job: a begin whose answer was lost is not begun a second time.
  const owner = randomUUID();
  const onUnanswered = createRepeatedWarning(logger, 'redis did not answer; it is asked again');
  let begun: BeginOutcome;
  let isClear: boolean;
  try {
    // In one round trip.
    const begin = () => Promise.all([log.begin(jobId, leaseMs, owner), usageBlock.isClear()]);
    [begun, isClear] = await repeatUntilAnswered(begin, { isCurable, onUnanswered });
  } catch (err) {
    // Without an attempt nothing can be written: the sweeper ends the job.
    logger.error({ event: logEvents.redisRefused, err }, 'the job cannot begin');
    return { status: 'lost', error: 'lost: fault' };
  }
  if (!('attempt' in begun)) {
    logger.info({ event: logEvents.nothingToDo, code: begun.code }, 'nothing to do for this queue entry');
    // Cancelled or timed out while it waited, most often; its record says which.
    const error = begun.code === 'terminal' ? 'had ended before it was taken' : undefined;
    return { status: begun.code, error };
  }
  const attempt = createAttempt(context, { jobId, takenAt, begun, isClear, slot });
  // The lock is the queue's; the job is ours as long as the record says so. To ask now ends the attempt early if not.
  const off = onAbort(slot.lockLost, () => leases.check(jobId));
  try {
    const ending = await attempt.run();
    return ending === 'hand-back' ? await attempt.handBack() : await attempt.finish(ending);
  } finally {
    off();
    attempt.close();
  }
}
