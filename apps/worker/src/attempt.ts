/**
 * One attempt at a job: whatever a worker holds and knows while it works at it. It calls claude-api until the outcome
 * is final, writes down what comes, and ends the job or gives it back to the queue.
 *
 * What comes from outside (a cancel, a limit, a drain, a lost lease) asks `stop`, which aborts the call under way; the
 * first reason decides how the job ends. An attempt that has lost its job writes nothing more; one that Redis refuses for
 * good what it needs can only try to end its job.
 */

import type { ClaudeApiClient, UpstreamFailure, UpstreamOutcome } from '@cc-executor/claude-api-client';
import { tenantWorkspace } from '@cc-executor/claude-options/tenant-workspace';
import type { BeginOutcome, UsageBlock, Vault, Wishes, WriteLog } from '@cc-executor/job-log';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUTS, summaryOf, type TerminalBody } from '@cc-executor/protocol';
import type { Processed, Slot } from '@cc-executor/queue';
import { isCurable } from '@cc-executor/redis';
import {
  createRepeatedWarning,
  type Logger,
  logEvents,
  onAbort,
  repeatUntilAnswered,
  sleep,
} from '@cc-executor/runtime';
import { applyEndPolicy } from './end-policy.ts';
import type { FlushWindow } from './flush-window.ts';
import type { Leases } from './leases.ts';
import { createLogWriter, type OutputBounds } from './log-writer.ts';
import { mcpFailureOf } from './mcp-failure.ts';
import { codeOf, countUse, type WorkerMetrics } from './metrics.ts';
import { openSecrets } from './open-secrets.ts';
import { requireOutput } from './output-check.ts';
import { createPausing } from './pausing.ts';
import { didNotBegin, planRetry, type Retry } from './retry.ts';
import { createSpending } from './spending.ts';
import { type CancelBy, createStop } from './stop-reason.ts';
import { incompleteEvent, terminalEventOf, withAttempts } from './terminal-event.ts';
import { createTimings, type FirstOutputCause } from './timings.ts';
import { createEventTranslator } from './upstream-events.ts';
import { createUsageGate } from './usage-gate.ts';
import { planWait } from './usage-wait.ts';

/** claude-api ends what we no longer can, were this process frozen: so much later than we would, in ms. */
const UPSTREAM_SLACK_MS = 5_000;

export type AttemptContext = {
  log: WriteLog;
  claudeApi: ClaudeApiClient;
  usageBlock: UsageBlock;
  leases: Leases;
  /** Undefined: there is no key to open a job's secrets with. */
  vault: Vault | undefined;
  metrics: Pick<
    WorkerMetrics,
    'attemptsEnded' | 'firstOutput' | 'firstOutputParts' | 'upstreamRetries' | 'cost' | 'tokens' | 'models'
  >;
  bounds: OutputBounds;
  flushWindow: FlushWindow;
  logger: Logger;
  /** Aborts when running jobs must end now. */
  drain: AbortSignal;
};

/** A job that `begin` gave to this worker. */
export type Begun = Extract<BeginOutcome, { attempt: object }>;

export type Attempt = {
  /**
   * Works until the outcome is final. Resolves with the event that is to end the job, or with `hand-back` when a drain
   * came before anything that must not be repeated, or the job is to wait for a usage limit to be lifted. Never rejects: a fault of ours ends the job as `internal`.
   */
  run(): Promise<TerminalBody | 'hand-back'>;
  /** Ends the job with this event, or with the cancel that was recorded before it. */
  finish(ending: TerminalBody): Promise<Processed>;
  /** Gives the job back, to be queued once more; one that was cancelled meanwhile is ended. */
  handBack(): Promise<Processed>;
  /** Lets go of the lease and the clocks. Idempotent. */
  close(): void;
};

/**
 * Holds the job's lease from now on, and counts its time. `takenAt` is when this worker took the job; `isClear`: no usage
 * limit was known when it began.
 */
export function createAttempt(
  context: AttemptContext,
  {
    jobId,
    takenAt,
    begun,
    isClear,
    slot,
  }: { jobId: string; takenAt: number; begun: Begun; isClear: boolean; slot: Slot },
): Attempt {
  const { log, metrics, bounds } = context;
  const { fence, spec, tenant, lastSeq, hasOutput: hadOutput } = begun.attempt;
  const policy = spec.retry ?? 'safe';
  const logger = context.logger.child({ jobId, attempt: fence });
  const stop = createStop();
  const writer = createLogWriter({
    ...{ log, jobId, fence, lastSeq, logger, flushWindow: context.flushWindow },
    bounds: { ...bounds, maxBodyBytes: bounds.maxBodyBytes - begun.attempt.bodyBytes },
    onOverflow: () => stop.request({ kind: 'overflow', maxBytes: bounds.maxOutputBytes }),
    onRefused: lose,
    onFault: giveUp,
    onWishes: heed,
    onFirstOutput: () => {
      metrics.firstOutput.observe((performance.now() - takenAt) / 1_000);
      for (const [cause, ms] of Object.entries(timings.causes())) {
        metrics.firstOutputParts.observe({ cause: cause as FirstOutputCause }, ms / 1_000);
      }
      gate.answered();
    },
    ageMs: () => begun.attempt.queuedMs + Math.round(performance.now() - takenAt),
    // A completed answer waits for room as long as the job has time: otherwise the work would be lost.
    isEnding: () => stop.signal.aborted || (isOver && outcome.status !== 'completed'),
  });
  const gate = createUsageGate({
    ...{ usageBlock: context.usageBlock, isClear, jobId, model: spec.model },
    ...{ claudeApi: context.claudeApi, tenant, signal: stop.signal, logger },
  });
  const pausing = createPausing({
    ...{ attempt: begun.attempt, writer, slot, signal: stop.signal, logger },
    onExpired: (limit) => stop.request({ kind: 'deadline', limit }),
  });
  const letGo = context.leases.keep({ jobId, fence, onLost: lose, onFault: giveUp, onWishes: heed });
  const offDrain = onAbort(context.drain, () => stop.request({ kind: 'drain' }));
  const timings = createTimings(takenAt, begun.attempt.queuedMs);
  /** How the last call ended; before the first, nothing had begun. */
  let outcome: UpstreamOutcome = { status: 'aborted' };
  const maxAttempts = spec.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
  let attempts = begun.attempt.attempts;
  const spending = createSpending(attempts - 1);
  /** The last call may have begun the work. */
  let hasBegun = false;
  /** No call follows. */
  let isOver = false;

  function lose(detail: string): void {
    stop.request({ kind: 'lost', detail });
  }

  function giveUp(err: unknown): void {
    if (stop.reason()?.kind !== 'fault') {
      logger.error({ event: logEvents.redisRefused, err }, 'Redis will not do what the attempt needs');
    }
    stop.request({ kind: 'fault' });
  }

  function heed({ cancelBy, pauseWish }: Wishes): void {
    if (cancelBy !== undefined) stop.request({ kind: 'cancel', by: cancelBy as CancelBy });
    pausing.wish(pauseWish);
  }

  const hasOutput = () => hadOutput || writer.hasOutput();
  const isDrained = () => stop.reason()?.kind === 'drain';
  const attemptsLeft = () => Math.max(0, maxAttempts - attempts);
  const ending = () => {
    const ended = terminalEventOf(outcome, stop.reason(), hasOutput());
    const event = spending.addTo(ended, hasBegun ? outcome : undefined);
    return policy === 'always' ? withAttempts(event, attempts, maxAttempts) : event;
  };

  async function run(): Promise<TerminalBody | 'hand-back'> {
    logger.info({ event: logEvents.attemptBegan, code: begun.code }, 'attempt began');
    if (begun.code !== 'begun') {
      const limit = begun.code === 'queue_timeout' ? 'queue' : 'total';
      return { type: 'timed_out', limit, partial: hasOutput() };
    }
    try {
      if (hadOutput || attempts > 1) {
        const reason = 'the earlier attempt was lost';
        writer.write({ type: 'reset', discardFromSeq: 2, reason, attemptsLeft: attemptsLeft() });
      }
      return await callUntilFinal();
    } catch (err) {
      logger.error({ event: logEvents.fault, err }, 'a fault of ours ended the attempt');
      const message = 'a fault of the worker; it is in its log';
      return { type: 'failed', error: { code: 'internal', message, retrySafe: false }, partial: hasOutput() };
    }
  }

  async function callUntilFinal(): Promise<TerminalBody | 'hand-back'> {
    for (let call = 1; ; call += 1) {
      // Here nothing is under way, and what was may be repeated.
      if (isDrained()) return 'hand-back';
      if (stop.reason()) return ending();
      const refused = await gate.enter();
      if (stop.reason()) continue;
      outcome = refused ?? (await callOnce(call));
      hasBegun = outcome.status !== 'failed' || !didNotBegin(outcome);
      const waits = (!stop.reason() || isDrained()) && writeWait();
      if (!refused) await gate.leave(outcome);
      if (waits) return 'hand-back';
      const retry = planRetry({
        ...{ outcome, policy, hasOutput: hasOutput(), call },
        ...{ attemptsLeft: attemptsLeft(), remainingMs: pausing.remainingMs() },
      });
      const mayBeginAnew = policy === 'always' && (!hasBegun || attemptsLeft() > 0);
      const mayRepeat = outcome.status !== 'completed' && (retry !== undefined || mayBeginAnew);
      if (isDrained() && mayRepeat) return 'hand-back';
      if (stop.reason() || !retry) return ending();
      await prepareRetry(call, retry);
    }
  }

  /** Makes one call, judged as the job wants it. */
  async function callOnce(call: number): Promise<UpstreamOutcome> {
    const ended = applyEndPolicy(await callUpstream(call), spec);
    return timings.addTo(await requireOutput(ended, spec.outputSchema));
  }

  /**
   * Where the job is to wait for a usage limit to be lifted, log and record say so: given back now, by us or by the sweeper,
   * it waits until then. Returns whether it is.
   */
  function writeWait(): boolean {
    if (outcome.status !== 'failed') return false;
    const { began, limit, resetsAt } = outcome;
    const notBefore = planWait({
      ...{ failure: outcome, policy, hasOutput: hasOutput(), attemptsLeft: attemptsLeft() },
      ...{ takeBy: begun.attempt.takeBy, now: Date.now() },
    });
    if (notBefore === undefined) return false;
    if (began === false) hasBegun = false;
    const known = { ...(limit !== undefined && { limit }), ...(resetsAt !== undefined && { resetsAt }) };
    const event = { type: 'throttled', untilMs: notBefore, reason: 'usage_limit', ...known } as const;
    writer.write(event, { code: 'limited', notBefore });
    logger.info({ notBefore, limit }, 'the job waits for a usage limit to be lifted');
    return true;
  }

  /** Makes one call, and writes what it sends. */
  async function callUpstream(call: number): Promise<UpstreamOutcome> {
    const { prompt, timeouts, metadata, onDisconnect, retry, maxAttempts: _, priority, ...more } = spec;
    const { onDenial, onRefusal, onMcpFailure, toolMessages, sealed, workspace, ...options } = more;
    const opened = openSecrets(context.vault, jobId, { sealed });
    if ('failure' in opened) return opened.failure;
    const timeoutMs = pausing.remainingMs() + UPSTREAM_SLACK_MS;
    const limits = {
      firstOutputMs: timeouts?.firstOutputMs ?? DEFAULT_TIMEOUTS.firstOutputMs,
      idleMs: timeouts?.idleMs ?? DEFAULT_TIMEOUTS.idleMs,
    };
    // To follow two signals costs, and most jobs need not.
    const giveUp = onMcpFailure === 'fail' ? new AbortController() : undefined;
    let failure: UpstreamFailure | undefined;
    timings.call();
    const upstream = context.claudeApi.execute(
      {
        tenant,
        executionId: `${jobId}-${fence}-${call}`,
        question: prompt,
        timeoutMs,
        traceparent: begun.attempt.traceparent,
        options: {
          ...options,
          ...opened,
          ...(workspace !== undefined && { workspace: tenantWorkspace(tenant, workspace) }),
        },
      },
      { signal: giveUp ? AbortSignal.any([stop.signal, giveUp.signal]) : stop.signal, limits },
    );
    const translator = createEventTranslator(writer, spec);
    let end: UpstreamOutcome | undefined;
    try {
      for await (const batch of upstream) {
        for (const event of batch) {
          timings.follow(event);
          failure ??= mcpFailureOf(event, spec);
          if (failure) giveUp?.abort();
          if (event.type === 'started') pausing.begin(upstream);
          if (event.type === 'started') gate.began(event.credential);
          if (event.type === 'session') gate.uses(event.model);
          if (event.type === 'end') end = event.outcome;
          else if (event.type === 'paused' || event.type === 'resumed') {
            translator.settle();
            pausing.confirm(event.type === 'paused');
          } else translator.take(event);
        }
        await writer.room();
      }
    } finally {
      translator.settle();
      pausing.end();
    }
    if (failure && end?.status === 'aborted' && !stop.reason()) return { ...end, ...failure };
    if (end) return end;
    return { status: 'failed', code: 'internal', message: 'the call ended without an outcome', sent: true };
  }

  /** Says in the log what follows, and waits for as long as the next call is to wait, unless it is stopped. */
  async function prepareRetry(call: number, { restart, delayMs, freesSlot }: Retry): Promise<void> {
    const reason = outcome.status === 'failed' ? outcome.code : outcome.status;
    metrics.upstreamRetries.inc({ reason });
    logger.info({ call, code: reason, restart, delayMs }, 'upstream is tried again');
    pausing.restart();
    if (restart) {
      attempts += 1;
      hasBegun = false;
      const { costUsd } = summaryOf(outcome);
      outcome = spending.setAside(outcome);
      // Its text is void from here on: were the job to end before the next call does, no digest would be that of the log.
      if (outcome.status !== 'completed') outcome = withoutDigest(outcome);
      const reset = {
        type: 'reset',
        discardFromSeq: lastSeq + 1,
        reason,
        attemptsLeft: attemptsLeft(),
        ...(costUsd !== undefined && { costUsd }),
      } as const;
      writer.write(reset, { code: 'restarted' });
    }
    writer.write({ type: 'throttled', untilMs: Date.now() + delayMs, reason });
    slot.setWaiting(freesSlot);
    await sleep(delayMs, stop.signal).catch(() => {
      // Stopped while waiting: there is no next call.
    });
    slot.setWaiting(false);
    // Were we to die in the next call, it must have been counted.
    if (restart) await writer.flushed();
  }

  async function finish(wanted: TerminalBody): Promise<Processed> {
    isOver = true;
    const reason = stop.reason();
    if (reason?.kind === 'lost') return lost(reason.detail);
    let event = reason?.kind === 'fault' ? ending() : wanted;
    let written = writer.dropped() ?? (await writeEnd());
    if (written === 'full' || written === 'fault') {
      if (written === 'full') {
        logger.error({ event: logEvents.outputDropped }, 'Redis is full: the last of the output is not kept');
      }
      const cut = written === 'fault' && event.type !== 'cancelled' ? ending() : event;
      event = incompleteEvent(cut, written, hasOutput());
      written = await writeEnd();
    }
    if (written !== 'ok') return lost(written);
    const error = event.type === 'failed' ? event.error.code : undefined;
    logger.info({ event: logEvents.jobEnded, status: event.type, code: error }, 'job ended');
    metrics.attemptsEnded.inc({ outcome: event.type, code: codeOf(event) });
    countUse(metrics, event);
    return processedOf(event);

    /** A cancel that was recorded before wins. */
    async function writeEnd() {
      const answer = await writer.finish(event);
      if (answer !== 'cancel_requested') return answer;
      const by = stop.cancelBy() ?? 'client';
      event = { type: 'cancelled', by, ...summaryOf(event), partial: hasOutput() };
      return writer.finish(event);
    }
  }

  function lost(detail: string): Processed {
    logger.warn({ event: logEvents.attemptLost, detail }, 'attempt lost its job');
    return { status: 'lost', error: `lost: ${detail}` };
  }

  async function handBack(): Promise<Processed> {
    await writer.flushed();
    const onUnanswered = createRepeatedWarning(logger, 'redis did not answer; it is asked again');
    const release = () => log.release(jobId, fence, hasBegun);
    const code = await repeatUntilAnswered(release, { isCurable, onUnanswered }).catch(giveUp);
    if (code === undefined || code === 'cancel_requested') {
      // The refusal of what this writes says who cancelled.
      return finish(terminalEventOf({ status: 'aborted' }, { kind: 'drain' }, hasOutput()));
    }
    logger.info({ code }, 'job handed back');
    return { status: code === 'ok' ? 'handed back' : code };
  }

  return {
    run,
    finish,
    handBack,
    close() {
      letGo();
      offDrain();
      pausing.close();
    },
  };
}

/** What the queue's entry shows of it: whatever is not completed is not listed as that. */
function processedOf(event: TerminalBody): Processed {
  switch (event.type) {
    case 'completed':
      return { status: event.type };
    case 'failed':
      return { status: event.type, error: event.error.code, message: event.error.message };
    case 'cancelled':
      return { status: event.type, error: `cancelled by ${event.by}` };
    case 'timed_out':
      return { status: event.type, error: `timed out: ${event.limit}` };
  }
}

function withoutDigest(outcome: Exclude<UpstreamOutcome, { status: 'completed' }>): UpstreamOutcome {
  const { digest: _, ...rest } = outcome;
  return rest;
}
