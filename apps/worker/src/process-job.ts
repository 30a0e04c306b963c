/**
 * One job, from its queue entry to its terminal event: begin → call claude-api → append → finish.
 *
 * Whatever happens here ends in `finish`, which is sent again until Redis has answered; only then is the queue entry
 * let go. If this process dies, the record's lease lapses and the sweeper ends the job.
 */
import { randomUUID } from 'node:crypto';
import type { ClaudeApiClient, UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { Attempt, JobLog, Wishes } from '@cc-executor/job-log';
import { DEFAULT_TIMEOUTS, summaryOf, type TerminalBody } from '@cc-executor/protocol';
import type { Processed } from '@cc-executor/queue';
import {
  createRepeatedWarning,
  type Logger,
  logEvents,
  repeatUntilAnswered,
  sleep,
} from '@cc-executor/runtime';
import type { Leased, Leases } from './leases.ts';
import { createLogWriter, type LogWriter } from './log-writer.ts';
import { codeOf, type WorkerMetrics } from './metrics.ts';
import { createPausing, type Pausing } from './pausing.ts';
import { planRetry } from './retry.ts';
import { type CancelBy, createStop, type Stop } from './stop-reason.ts';
import { terminalEventOf } from './terminal-event.ts';
import { createEventTranslator } from './upstream-events.ts';

/** claude-api ends what we no longer can, were this process frozen: so much later than we would, in ms. */
const UPSTREAM_SLACK_MS = 5_000;

export type ProcessContext = {
  log: JobLog;
  claudeApi: ClaudeApiClient;
  leases: Leases;
  leaseMs: number;
  metrics: Pick<WorkerMetrics, 'attemptsEnded' | 'firstOutput' | 'upstreamRetries'>;
  logger: Logger;
  /** Aborts when running jobs must end now. */
  drain: AbortSignal;
};

/** Processes one job. `lockLost` says that BullMQ may hand the entry to another worker. Never rejects. */
export async function processJob(
  context: ProcessContext,
  jobId: string,
  lockLost: AbortSignal,
): Promise<Processed> {
  const takenAt = performance.now();
  const logger = context.logger.child({ jobId });
  const owner = randomUUID();
  const begun = await untilAnswered(() => context.log.begin(jobId, context.leaseMs, owner), logger);
  if (!('attempt' in begun)) {
    logger.info({ event: logEvents.nothingToDo, code: begun.code }, 'nothing to do for this queue entry');
    return { status: begun.code };
  }
  const { attempt } = begun;
  const attemptLogger = logger.child({ attempt: attempt.fence });
  const stop = createStop();
  const writer = createLogWriter({
    log: context.log,
    jobId,
    fence: attempt.fence,
    lastSeq: attempt.lastSeq,
    logger: attemptLogger,
    onRefused: (code) => stop.request({ kind: 'lost', detail: code }),
    onWishes: heed,
    onFirstOutput: () => context.metrics.firstOutput.observe((performance.now() - takenAt) / 1_000),
  });
  const pausing = createPausing({
    attempt,
    writer,
    signal: stop.signal,
    onExpired: (limit) => stop.request({ kind: 'deadline', limit }),
    logger: attemptLogger,
  });
  function heed({ cancelBy, pauseWish }: Wishes): void {
    if (cancelBy !== undefined) stop.request({ kind: 'cancel', by: cancelBy as CancelBy });
    pausing.wish(pauseWish);
  }
  const release = watchAttempt(context, { jobId, fence: attempt.fence, onWishes: heed }, stop, lockLost);
  try {
    attemptLogger.info({ event: logEvents.attemptBegan, code: begun.code }, 'attempt began');
    const terminal =
      begun.code === 'queue_timeout'
        ? ({ type: 'timed_out', limit: 'queue', partial: attempt.hasOutput } as const)
        : await run({ ...context, logger: attemptLogger }, jobId, attempt, writer, stop, pausing).catch(
            (err) => {
              attemptLogger.error({ event: logEvents.fault, err }, 'a fault of ours ended the attempt');
              return faultEvent(attempt.hasOutput || writer.hasOutput());
            },
          );
    if (terminal === 'hand-back') return await handBack(context, jobId, attempt, writer, stop, attemptLogger);
    return await finish(context, writer, terminal, stop, attemptLogger);
  } finally {
    release();
    pausing.close();
  }
}

/** Only for what may be repeated: everything that the job log offers. */
function untilAnswered<T>(call: () => Promise<T>, logger: Logger): Promise<T> {
  const onUnanswered = createRepeatedWarning(logger, 'redis did not answer; it is asked again');
  return repeatUntilAnswered(call, { onUnanswered });
}

/** Ties the attempt's stop to its lease, the drain and the queue's lock. */
function watchAttempt(
  { leases, drain }: ProcessContext,
  attempt: Omit<Leased, 'onLost'>,
  stop: Stop,
  lockLost: AbortSignal,
): () => void {
  const unkeep = leases.keep({ ...attempt, onLost: (detail) => stop.request({ kind: 'lost', detail }) });
  const onDrain = () => stop.request({ kind: 'drain' });
  // The lock is BullMQ's; the job is ours as long as the record says so. Asking it now ends us early if it is not.
  const onLockLost = () => leases.check(attempt.jobId);
  if (drain.aborted) onDrain();
  if (lockLost.aborted) onLockLost();
  drain.addEventListener('abort', onDrain);
  lockLost.addEventListener('abort', onLockLost);
  return () => {
    unkeep();
    drain.removeEventListener('abort', onDrain);
    lockLost.removeEventListener('abort', onLockLost);
  };
}

/** Calls upstream until the outcome is final, and writes what it sends. */
async function run(
  { claudeApi, metrics, logger }: ProcessContext,
  jobId: string,
  attempt: Attempt,
  writer: LogWriter,
  stop: Stop,
  pausing: Pausing,
): Promise<TerminalBody | 'hand-back'> {
  const policy = attempt.spec.retry ?? 'safe';
  let outcome: UpstreamOutcome = { status: 'aborted' };
  let restarts = 0;
  if (attempt.hasOutput) {
    writer.write({ type: 'reset', discardFromSeq: 2, reason: 'the earlier attempt was lost' });
  }
  for (let call = 1; ; call += 1) {
    const stopped = stop.reason();
    // Here nothing is under way, and what was may be repeated.
    if (stopped?.kind === 'drain') return 'hand-back';
    if (stopped) return terminalEventOf(outcome, stopped, attempt.hasOutput || writer.hasOutput());
    outcome = await callUpstream(claudeApi, jobId, call, attempt, writer, stop, pausing);
    const hasOutput = attempt.hasOutput || writer.hasOutput();
    const reason = stop.reason();
    const remainingMs = pausing.remainingMs();
    const retry = planRetry({ outcome, policy, hasOutput, call, restarts, remainingMs });
    if (reason?.kind === 'drain' && (retry || policy === 'always') && outcome.status !== 'completed') {
      return 'hand-back';
    }
    if (reason || !retry) return terminalEventOf(outcome, reason, hasOutput);
    const code = outcome.status === 'failed' ? outcome.code : outcome.status;
    metrics.upstreamRetries.inc({ reason: code });
    logger.info({ call, code, ...retry }, 'upstream is tried again');
    pausing.restart();
    if (retry.restart) {
      restarts += 1;
      writer.write({ type: 'reset', discardFromSeq: attempt.lastSeq + 1, reason: code });
    }
    writer.write({ type: 'throttled', untilMs: Date.now() + retry.delayMs, reason: code });
    await sleep(retry.delayMs, stop.signal).catch(() => {
      // Stopped while waiting: there is no next call.
    });
  }
}

async function callUpstream(
  claudeApi: ClaudeApiClient,
  jobId: string,
  call: number,
  { spec, fence }: Attempt,
  writer: LogWriter,
  stop: Stop,
  pausing: Pausing,
): Promise<UpstreamOutcome> {
  const translator = createEventTranslator(writer);
  const { prompt, timeouts, metadata, onDisconnect, retry, priority, ...options } = spec;
  const timeoutMs = pausing.remainingMs() + UPSTREAM_SLACK_MS;
  const upstream = claudeApi.execute(
    { executionId: `${jobId}-${fence}-${call}`, question: prompt, timeoutMs, options },
    {
      signal: stop.signal,
      limits: {
        firstOutputMs: timeouts?.firstOutputMs ?? DEFAULT_TIMEOUTS.firstOutputMs,
        idleMs: timeouts?.idleMs ?? DEFAULT_TIMEOUTS.idleMs,
      },
    },
  );
  let outcome: UpstreamOutcome = {
    status: 'failed',
    code: 'internal',
    message: 'the call ended without an outcome',
    sent: true,
  };
  try {
    for await (const batch of upstream) {
      for (const event of batch) {
        if (event.type === 'started') pausing.begin(upstream);
        if (event.type === 'end') outcome = event.outcome;
        else if (event.type === 'paused' || event.type === 'resumed')
          pausing.confirm(event.type === 'paused');
        else translator.take(event);
      }
      await writer.room();
    }
  } finally {
    pausing.end();
  }
  return outcome;
}

/** Gives the job back to the queue; the sweeper makes its new entry. Repeated until answered, as every write. */
async function handBack(
  context: ProcessContext,
  jobId: string,
  { fence, hasOutput }: Attempt,
  writer: LogWriter,
  stop: Stop,
  logger: Logger,
): Promise<Processed> {
  await writer.flushed();
  const code = await untilAnswered(() => context.log.release(jobId, fence), logger);
  logger.info({ code }, 'job handed back');
  if (code !== 'cancel_requested') return { status: code === 'ok' ? 'handed back' : code };
  const partial = hasOutput || writer.hasOutput();
  // Refused in favour of the cancel: the refusal says who cancelled.
  const terminal = terminalEventOf({ status: 'aborted' }, { kind: 'drain' }, partial);
  return finish(context, writer, terminal, stop, logger);
}

async function finish(
  { metrics }: ProcessContext,
  writer: LogWriter,
  terminal: TerminalBody,
  stop: Stop,
  logger: Logger,
): Promise<Processed> {
  const reason = stop.reason();
  if (reason?.kind === 'lost') {
    logger.warn({ event: logEvents.attemptLost, detail: reason.detail }, 'attempt lost its job');
    return { status: 'lost', error: `lost: ${reason.detail}` };
  }
  let event = terminal;
  let written = await writer.finish(event);
  if (written === 'cancel_requested') {
    // A cancel was recorded before this finish: it wins.
    event = { type: 'cancelled', by: stop.cancelBy() ?? 'client', ...endingOf(terminal, writer) };
    written = await writer.finish(event);
  }
  if (written !== 'ok') {
    logger.warn({ event: logEvents.attemptLost, code: written }, 'attempt lost its job at the end');
    return { status: 'lost', error: `lost: ${written}` };
  }
  const error = event.type === 'failed' ? event.error.code : undefined;
  logger.info({ event: logEvents.jobEnded, status: event.type, code: error }, 'job ended');
  metrics.attemptsEnded.inc({ outcome: event.type, code: codeOf(event) });
  return { status: event.type, error };
}

function endingOf(terminal: TerminalBody, writer: LogWriter) {
  return { ...summaryOf(terminal), partial: 'partial' in terminal ? terminal.partial : writer.hasOutput() };
}

function faultEvent(partial: boolean): TerminalBody {
  const message = 'a fault of the worker; it is in its log';
  return { type: 'failed', error: { code: 'internal', message, retrySafe: false }, partial };
}
