/**
 * Reads the NDJSON body: claude-api's own lines and Claude Code's stream-json, in whatever part the service sends.
 * Lines that are not JSON are counted and a sample is kept; they decide nothing as long as there are others.
 */
import {
  type Complete,
  createLineSplitter,
  createStreamReader,
  judgeResult,
  type StreamAction,
  type Verdict,
} from '@cc-executor/claude-stream';
import { createAnswer } from './answer.ts';
import { type Findings, judgeNdjson } from './judge-ndjson.ts';
import { type Progress, progress, type ResponseBody } from './response-body.ts';
import type { UpstreamEvent, UpstreamSummary } from './upstream-events.ts';

const SAMPLE_LENGTH = 200;

/**
 * @param options.maxLineBytes see createLineSplitter
 * @param options.notePaused is told what claude-api says of pausing
 */
export function createNdjsonBody(options: {
  maxLineBytes?: number;
  notePaused: (paused: boolean, events: UpstreamEvent[]) => void;
}): ResponseBody {
  const splitter = createLineSplitter(options);
  const reader = createStreamReader();
  const answer = createAnswer();
  const noise = { count: 0, sample: '' };
  let started = false;
  let execution: string | undefined;
  let conversation: string | undefined;
  let verdict: Verdict | undefined;
  let isResting = false;
  let complete: Complete | undefined;

  function readLine(line: string, events: UpstreamEvent[]): Progress {
    let best: Progress = progress.none;
    for (const action of reader.read(line)) {
      const now = take(action, events);
      if (now > best) best = now;
    }
    return best;
  }

  function start(events: UpstreamEvent[], executionId?: string, engine?: string): void {
    execution ??= executionId;
    if (started) return;
    started = true;
    events.push({ type: 'started', ...(executionId && { executionId }), ...(engine && { engine }) });
  }

  function take(action: StreamAction, events: UpstreamEvent[]): Progress {
    if (action.kind === 'ping') return progress.ping;
    if (action.kind === 'noise') {
      noise.count += 1;
      if (noise.count === 1) noise.sample = action.line.slice(0, SAMPLE_LENGTH);
      return progress.none;
    }
    if (action.kind === 'start') start(events, action.executionId, action.engine);
    else start(events);
    switch (action.kind) {
      case 'text':
        // A further turn after a result: that result is no longer how the run ended.
        isResting = false;
        answer.append(action.text, action.begin);
        events.push({ type: 'text', text: action.text, begin: action.begin });
        return progress.output;
      case 'discard':
        answer.discard();
        events.push({ type: 'discard', reason: action.reason });
        return progress.alive;
      case 'message':
        events.push({ type: 'message', message: action.message });
        return progress.output;
      case 'session': {
        const { kind, message, ...session } = action;
        conversation = session.sessionId || undefined;
        events.push({ type: 'session', ...session });
        return progress.alive;
      }
      case 'throttled': {
        const { kind, ...throttled } = action;
        events.push({ type: 'throttled', ...throttled });
        return progress.alive;
      }
      case 'activity':
        // A model that thinks, or writes a long tool call, streams no text for minutes and is well.
        return action.generating ? progress.output : progress.alive;
      case 'paused':
      case 'resumed':
        options.notePaused(action.kind === 'paused', events);
        return progress.ping;
      case 'result':
        verdict = judgeResult(action.result);
        isResting = true;
        return progress.alive;
      case 'complete':
        complete = action.complete;
        return progress.alive;
      default:
        return progress.alive;
    }
  }

  function summary(): UpstreamSummary {
    const known = verdict?.summary ?? {};
    const session = known.conversation ?? conversation;
    return {
      ...known,
      ...(session && { conversation: session }),
      digest: answer.digest(),
      ...(execution && { executionId: execution }),
    };
  }

  return {
    get isComplete() {
      return complete !== undefined;
    },
    get isResting() {
      return isResting;
    },
    read(chunk, events) {
      let best: Progress = progress.none;
      for (const line of splitter.push(chunk)) {
        const now = readLine(line, events);
        if (now > best) best = now;
        if (complete !== undefined) break;
      }
      return best;
    },
    readRest(events) {
      const line = splitter.end();
      if (line !== undefined) readLine(line, events);
    },
    judge(end) {
      const findings: Findings = {
        complete,
        verdict,
        resultStands: isResting,
        text: answer.lastBlock(),
        digest: answer.digest(),
        understood: started,
        noise,
      };
      return judgeNdjson(findings, end, summary());
    },
    summary,
  };
}
