/**
 * Reads the NDJSON body: claude-api's own lines and Claude Code's stream-json, in whatever part the service sends.
 * Lines that are not JSON are counted and a sample is kept; they decide nothing as long as there are others.
 */
import {
  type Complete,
  createByteLineSplitter,
  createResultSum,
  createStreamReader,
  judgeResult,
  type RunEvent,
  type StreamEvent,
  type Verdict,
} from '@cc-executor/claude-stream';
import type { BackgroundTask, RunSummary } from '@cc-executor/protocol';
import { createAnswer } from './answer.ts';
import { type Findings, judgeNdjson } from './judge-ndjson.ts';
import { type Progress, progress, type ResponseBody } from './response-body.ts';
import type { UpstreamEvent } from './upstream-events.ts';

const SAMPLE_LENGTH = 200;

type Started = Extract<RunEvent, { type: 'started' }>;

/**
 * @param options.maxLineBytes see createByteLineSplitter
 * @param options.notePaused is told what claude-api says of pausing
 */
export function createNdjsonBody(options: {
  maxLineBytes?: number;
  notePaused: (paused: boolean, events: UpstreamEvent[]) => void;
}): ResponseBody {
  const splitter = createByteLineSplitter(options);
  const reader = createStreamReader();
  const answer = createAnswer();
  const spent = createResultSum();
  const noise = { count: 0, sample: '' };
  let started = false;
  let execution: string | undefined;
  let conversation: string | undefined;
  let verdict: Verdict | undefined;
  /** Until a further turn begins: then it is no longer how the run ended. */
  let resultStands = false;
  let tasks: readonly BackgroundTask[] = [];
  let hasOutput = false;
  let complete: Complete | undefined;

  function readLine(line: string | Buffer, events: UpstreamEvent[]): Progress {
    let best: Progress = progress.none;
    for (const event of reader.read(line)) {
      const now = take(event, events);
      if (now > best) best = now;
    }
    hasOutput ||= best === progress.output;
    return best;
  }

  function start(events: UpstreamEvent[], event: Started = { type: 'started' }): void {
    execution ??= event.executionId;
    if (started) return;
    started = true;
    events.push(event);
  }

  function take(event: StreamEvent, events: UpstreamEvent[]): Progress {
    if (event.type === 'ping') return progress.ping;
    if (event.type === 'noise') {
      noise.count += 1;
      if (noise.count === 1) noise.sample = event.line.slice(0, SAMPLE_LENGTH);
      return progress.none;
    }
    start(events, event.type === 'started' ? event : undefined);
    switch (event.type) {
      case 'started':
        return progress.alive;
      case 'text':
        resultStands = false;
        answer.append(event.text, event.begin, event.written?.isPlain ? event.written.json : undefined);
        events.push(event);
        return progress.output;
      case 'discard':
        answer.discard();
        events.push(event);
        return progress.alive;
      case 'message':
        events.push(event);
        return progress.output;
      case 'session':
        resultStands = false;
        conversation = event.sessionId || undefined;
        events.push(event);
        return progress.alive;
      case 'throttled':
        resultStands = false;
        events.push(event);
        return progress.alive;
      case 'notice':
        events.push(event);
        return progress.alive;
      case 'activity':
        resultStands &&= !event.generating;
        // A model that thinks, or writes a long tool call, streams no text for minutes and is well.
        return event.generating ? progress.output : progress.alive;
      case 'paused':
      case 'resumed':
        options.notePaused(event.type === 'paused', events);
        return progress.ping;
      case 'result':
        verdict = judgeResult(event.result, event.cause, spent);
        resultStands = true;
        return progress.alive;
      case 'background':
        tasks = event.tasks;
        return progress.alive;
      case 'complete':
        complete = event.complete;
        tasks = complete.backgroundTasks ?? tasks;
        return progress.alive;
      default:
        return event satisfies never;
    }
  }

  function summary(digest = answer.digest()): RunSummary {
    const { conversation: named = conversation, ...known } = verdict?.summary ?? {};
    const session = complete?.conversation === null ? undefined : named;
    return {
      ...known,
      ...(session && { conversation: session }),
      digest,
      ...(execution && { executionId: execution }),
      ...(tasks.length > 0 && { backgroundTasks: [...tasks] }),
      ...(complete?.diff && { diff: complete.diff }),
    };
  }

  return {
    get isComplete() {
      return complete !== undefined;
    },
    get isResting() {
      return resultStands && tasks.length === 0;
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
      const digest = answer.digest();
      const findings: Findings = {
        complete,
        verdict,
        resultStands,
        isBackgroundOver: tasks.length === 0,
        hasOutput,
        text: answer.lastBlock(),
        digest,
        understood: started,
        noise,
      };
      return judgeNdjson(findings, end, summary(digest));
    },
    summary: () => summary(),
  };
}
