/**
 * One call to claude-api: one connection, one request, one outcome. Everything that can end it comes together in
 * `finish`, which takes effect once: the response, its error, a limit, the caller's signal, the consumer leaving.
 * Invariants: the outcome is the last event; after it the connection is destroyed, so that claude-api stops working, unless
 * the response has ended behind its complete line.
 */
import { createPausableClock } from '@cc-executor/runtime';
import type { Dispatcher } from 'undici';
import { createBatchQueue } from './batch-queue.ts';
import { ConnectError, type Lookup, openConnection } from './connect.ts';
import { type Connect, type Connection, type Connections, RELEASED } from './connections.ts';
import { requestPause } from './pause-request.ts';
import { authorize } from './question.ts';
import { createUpstreamResponse, type UpstreamResponse } from './response.ts';
import { progress } from './response-body.ts';
import { describeUnreachable } from './unreachable.ts';
import type {
  PauseAnswer,
  UpstreamCall,
  UpstreamEvent,
  UpstreamLimit,
  UpstreamOutcome,
} from './upstream-events.ts';

const HIGH_WATER_BYTES = 256 * 1024;
const REFUSAL_BODY_MS = 2_000;
/** The response's own end follows its complete line at once; if it does not, it is not worth waiting for. */
const COMPLETE_LINGER_MS = 1_000;
/** The line that says that an execution is paused comes at once; plain text has none, and neither may other services. */
const NOTICE_WITHIN_MS = 2_000;

export type CallOptions = {
  target: URL;
  connections: Connections;
  token: string | undefined;
  tenant: string | undefined;
  path: string;
  /** Where the execution itself is, once it is under way. */
  executionPath: string;
  body: string;
  traceparent: string | undefined;
  signals: readonly AbortSignal[];
  connectTimeoutMs: number;
  firstOutputMs: number;
  idleMs: number;
  resultLingerMs: number;
  maxLineBytes: number | undefined;
  lookup: Lookup;
};

type Limit = UpstreamLimit | 'resultLinger' | 'refusalBody';

/** Prepares a call. It begins when the consumer asks for the first batch. */
export function createCall(options: CallOptions): UpstreamCall {
  const { target, signals } = options;
  const response = createUpstreamResponse(options);
  const clock = createPausableClock(onExpired);
  /** Aborted when the call is over; made where somebody listens, because most calls connect to nothing. */
  let over: AbortController | undefined;
  let watched: Limit | undefined;
  let connection: Connection | undefined;
  /** It was made for an earlier call. */
  let isKept = false;
  let controller: Dispatcher.DispatchController | undefined;
  let hasOutput = false;
  let resting = false;
  let restingSince = 0;
  let done = false;
  let releaseTimer: NodeJS.Timeout | undefined;
  let isHeld = false;
  let isPaused = false;
  let noticeTimer: NodeJS.Timeout | undefined;

  const queue = createBatchQueue<UpstreamEvent>({
    highWaterBytes: HIGH_WATER_BYTES,
    onStart: begin,
    onPause() {
      isHeld = true;
      holdClock();
      controller?.pause();
    },
    onResume() {
      isHeld = false;
      holdClock();
      controller?.resume();
    },
    onReturn: abort,
  });

  function begin(): void {
    if (signals.some(({ aborted }) => aborted)) {
      abort();
      return;
    }
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
    send();
  }

  function send(): void {
    connection = options.connections.take((callback) => void connect(callback));
    isKept = connection.socket !== undefined;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/x-ndjson, text/plain',
      'x-keeps-connection': '1',
      ...authorize(options.token, options.tenant),
      ...(options.traceparent !== undefined && { traceparent: options.traceparent }),
    };
    connection.client.dispatch({ path: options.path, method: 'POST', headers, body: options.body }, handler);
  }

  async function connect(callback: Parameters<Connect>[0]): Promise<void> {
    const { connectTimeoutMs: timeoutMs, lookup } = options;
    try {
      const socket = await openConnection(target, { timeoutMs, lookup, signal: untilOver() });
      if (done) {
        socket.destroy();
        return;
      }
      callback(null, socket);
    } catch (error) {
      if (error instanceof ConnectError) finish(describeUnreachable(target, error, timeoutMs));
      else callback(error as Error, null);
    }
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(given) {
      controller = given;
      // From here on the request counts as sent.
      if (!done) watch('firstOutput', options.firstOutputMs);
    },
    onResponseStart(_controller, status, headers) {
      if (done || status < 200) return;
      response.start(status, headers);
      if (response.kind === 'refusal') watch('refusalBody', REFUSAL_BODY_MS);
    },
    onResponseData(_controller, chunk) {
      if (done) return;
      const outcome = response.read(chunk, queue.items);
      if (outcome !== undefined) {
        finish(outcome);
        return;
      }
      watchProgress(response);
      watchPause();
      queue.grew(chunk.length);
    },
    onResponseEnd() {
      if (!done) finish(response.end(queue.items));
      if (response.isComplete) giveBack();
      else release();
    },
    onResponseError(_controller, error) {
      // It was found to be closed before anything was written to it.
      if (!done && isKept && controller === undefined) return send();
      if (!done) finish(response.fail(error));
      release();
    },
  };

  function watch(limit: Limit, limitMs: number): void {
    watched = limit;
    clock.start(limitMs);
  }

  /** Time counts only while we read and the execution goes on. */
  function holdClock(): void {
    if (isHeld || isPaused) clock.pause();
    else clock.resume();
  }

  function watchProgress({ progress: made, isResting }: UpstreamResponse): void {
    if (isResting !== resting) {
      resting = isResting;
      restingSince = performance.now();
      if (resting) watch('resultLinger', options.resultLingerMs);
      else watch('idle', options.idleMs);
    } else if (made === progress.output && !hasOutput) {
      watch('idle', options.idleMs);
    } else if (made >= progress.alive && hasOutput) {
      clock.restart();
    } else if (resting && made === progress.ping && performance.now() - restingSince < options.idleMs) {
      // Claude Code is slow to exit, or claude-api to end it: who pings will also say `complete`.
      clock.restart();
    }
    hasOutput ||= made === progress.output;
  }

  /** No limit counts while the execution stands still; whoever paused it sees to it that this ends. */
  function watchPause(): void {
    if (response.isPaused === isPaused) return;
    isPaused = response.isPaused;
    holdClock();
  }

  async function setPaused(paused: boolean): Promise<PauseAnswer> {
    const address = connection?.socket?.remoteAddress;
    if (done || address === undefined) {
      return { ok: false, reason: 'the execution is not under way', retryable: false };
    }
    const { target, token, tenant, connectTimeoutMs } = options;
    const path = `${options.executionPath}/${paused ? 'pause' : 'resume'}`;
    const answer = await requestPause({
      ...{ target, token, tenant, address, path, connectTimeoutMs },
      signal: untilOver(),
    });
    if (answer.ok) awaitNotice(paused);
    return answer;
  }

  /** Says it in the service's place, if that does not. */
  function awaitNotice(paused: boolean): void {
    clearTimeout(noticeTimer);
    if (done) return;
    noticeTimer = setTimeout(() => {
      // What we have not read yet may say it.
      if (isHeld) return awaitNotice(paused);
      response.notePaused(paused, queue.items);
      watchPause();
      queue.grew(0);
    }, NOTICE_WITHIN_MS);
  }

  function onExpired(): void {
    if (watched === 'firstOutput' || watched === 'idle') {
      finish({ status: 'timed_out', limit: watched, ...response.summary() });
    } else {
      finish(response.settle());
    }
  }

  function abort(): void {
    finish({ status: 'aborted', ...response.summary() });
    release();
  }

  function finish(outcome: UpstreamOutcome): void {
    if (done) return;
    done = true;
    clearTimeout(noticeTimer);
    clock.stop();
    queue.items.push({ type: 'end', outcome });
    queue.end();
    if (outcome.status !== 'aborted' && response.isComplete) {
      releaseTimer = setTimeout(release, COMPLETE_LINGER_MS);
      controller?.resume();
    } else {
      release();
    }
  }

  function untilOver(): AbortSignal {
    over ??= new AbortController();
    return over.signal;
  }

  function leave(): Connection | undefined {
    clearTimeout(releaseTimer);
    for (const signal of signals) signal.removeEventListener('abort', abort);
    over?.abort(RELEASED);
    const left = connection;
    connection = undefined;
    return left;
  }

  function release(): void {
    const left = leave();
    if (left) void left.client.destroy(RELEASED);
  }

  function giveBack(): void {
    const left = leave();
    if (left) options.connections.giveBack(left);
  }

  return Object.assign(queue.iterator, { setPaused });
}
