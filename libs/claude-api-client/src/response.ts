/**
 * One HTTP response of claude-api, from its head to its end, whatever it is: an answer, a refusal, no HTTP at all.
 * Pure but for the clock that a Retry-After date is compared with.
 */
import { LineTooLongError } from '@cc-executor/claude-stream';
import type { RunSummary } from '@cc-executor/protocol';
import { describeRefusal } from './http-refusal.ts';
import { createNdjsonBody } from './ndjson-body.ts';
import { createPlainBody } from './plain-body.ts';
import { type BodyEnd, type Progress, progress, type ResponseBody } from './response-body.ts';
import type { UpstreamEvent, UpstreamFailure, UpstreamOutcome } from './upstream-events.ts';

const REFUSAL_BODY_LENGTH = 65_536;

type ResponseHeaders = Record<string, string | string[] | undefined>;

export type UpstreamResponse = {
  /** `none` before the head; then what the body is. */
  readonly kind: 'none' | 'answer' | 'refusal';
  /** What the last `read` meant for the watchdogs. */
  readonly progress: Progress;
  /** There is evidence of an end, but a better one may still come. */
  readonly isResting: boolean;
  /** The answer's last line came; whatever follows is of no interest. */
  readonly isComplete: boolean;
  /** claude-api holds the execution. */
  readonly isPaused: boolean;
  /** Notes that it does, or no longer does, and appends the event if that is news. */
  notePaused(paused: boolean, events: UpstreamEvent[]): void;
  start(status: number, headers: ResponseHeaders): void;
  /** Reads bytes, appends what they bring to `events`; gives the outcome if nothing more can change it. */
  read(chunk: Uint8Array, events: UpstreamEvent[]): UpstreamOutcome | undefined;
  /** The response ended in good order. */
  end(events: UpstreamEvent[]): UpstreamOutcome;
  /** The connection failed, or what came is not HTTP. */
  fail(error: Error): UpstreamOutcome;
  /** We wait no longer: for a better evidence than the result line, or for the rest of a refusal. */
  settle(): UpstreamOutcome;
  summary(): RunSummary;
};

/** @param options.maxLineBytes longest line of an NDJSON answer */
export function createUpstreamResponse(options: { maxLineBytes?: number | undefined }): UpstreamResponse {
  const { maxLineBytes } = options;
  let body: ResponseBody | undefined;
  let refusal: { status: number; retryAfter: string | string[] | undefined; body: string } | undefined;
  let framed = false;
  let lastProgress: Progress = progress.none;
  let isPaused = false;

  function judge(end: BodyEnd): UpstreamOutcome {
    if (refusal !== undefined) return describeRefusal({ ...refusal, now: Date.now() });
    return body?.judge(end) ?? failed('upstream_garbage', 'claude-api ended its answer before it began');
  }

  function notePaused(paused: boolean, events: UpstreamEvent[]): void {
    if (isPaused === paused) return;
    isPaused = paused;
    events.push({ type: paused ? 'paused' : 'resumed' });
  }

  function failed(code: UpstreamFailure['code'], message: string): UpstreamFailure {
    return { status: 'failed', code, message, sent: true, ...body?.summary() };
  }

  function tooLong(error: unknown): UpstreamFailure {
    if (!(error instanceof LineTooLongError)) throw error;
    return failed('upstream_line_too_long', `claude-api sent a line longer than ${error.maxLineBytes} bytes`);
  }

  return {
    get kind() {
      if (refusal !== undefined) return 'refusal';
      return body === undefined ? 'none' : 'answer';
    },
    get progress() {
      return lastProgress;
    },
    get isResting() {
      return body?.isResting === true;
    },
    get isComplete() {
      return body?.isComplete === true;
    },
    get isPaused() {
      return isPaused;
    },
    notePaused,
    start(status, headers) {
      if (status >= 300) {
        refusal = { status, retryAfter: headers['retry-after'], body: '' };
        return;
      }
      const encoding = String(headers['transfer-encoding']);
      framed = headers['content-length'] !== undefined || /\bchunked\b/i.test(encoding);
      const isPlain = /^text\/plain\b/i.test(String(headers['content-type']));
      body = isPlain
        ? createPlainBody()
        : createNdjsonBody({ notePaused, ...(maxLineBytes === undefined ? {} : { maxLineBytes }) });
    },
    read(chunk, events) {
      if (refusal !== undefined) {
        refusal.body += Buffer.from(chunk).toString();
        return refusal.body.length < REFUSAL_BODY_LENGTH ? undefined : judge({ kind: 'end', framed });
      }
      if (body === undefined) return undefined;
      try {
        lastProgress = body.read(chunk, events);
      } catch (error) {
        return tooLong(error);
      }
      return body.isComplete ? judge({ kind: 'complete' }) : undefined;
    },
    end(events) {
      try {
        body?.readRest(events);
      } catch (error) {
        return tooLong(error);
      }
      return judge({ kind: 'end', framed });
    },
    fail(error) {
      const detail = error.message || error.name;
      if (body !== undefined || refusal !== undefined) return judge({ kind: 'cut', detail });
      // A head that is cut short is a socket error; the parser's own means that it was no head.
      if (error.name === 'HTTPParserError') {
        return failed('upstream_garbage', `What answers in place of claude-api is not HTTP (${detail})`);
      }
      return failed('upstream_cut', `The connection to claude-api broke before it answered (${detail})`);
    },
    settle: () => judge({ kind: 'lingered' }),
    summary: () => body?.summary() ?? {},
  };
}
