/** What upstream was asked to do, and whether what was said of it is true: I5, I6 and I8. */
import { createHash } from 'node:crypto';
import { DEFAULT_MAX_ATTEMPTS, emptyFold, foldEvents, foldedText } from '@cc-executor/protocol';
import type { History, UpstreamCallRecord } from '../history.ts';
import { mayFollowCancel } from './endings.ts';
import { faultsOver, type JobView } from './job-view.ts';
import type { Bounds, CheckOptions, Violation } from './violation.ts';

/**
 * I5: `completed` is only said of a call that upstream completed, with the text that it sent. Text of a job that ended
 * otherwise is the beginning of what some call sent. A digest, of whichever ending, is that of the text.
 */
export function checkEvidence(view: JobView, { upstreamRecorded = true }: CheckOptions): Violation[] {
  const { jobId, events, terminal, calls } = view;
  if (terminal === undefined) return [];
  const text = foldedText(foldEvents(emptyFold, events));
  const found: string[] = [];
  const { digest } = terminal;
  if (digest && digest.sha256 !== sha256Of(text)) found.push('its digest is not that of the text');
  if (digest && digest.bytes !== Buffer.byteLength(text)) found.push('its digest counts other bytes');
  if (terminal.type === 'completed') {
    if (terminal.text !== undefined && !text.endsWith(terminal.text)) {
      found.push('the text does not end with the answer that `completed` holds');
    }
    if (upstreamRecorded) found.push(...judgeCompleted(text, terminal.attempt, calls));
  } else if (upstreamRecorded && text !== '' && !calls.some((call) => mayHaveSent(call, text))) {
    found.push(`no call upstream sent text that begins with the ${text.length} characters of the log`);
  }
  return found.map((detail) => ({ invariant: 'I5', jobId, detail: `${terminal.type}: ${detail}` }));
}

function judgeCompleted(text: string, attempt: number, calls: UpstreamCallRecord[]): string[] {
  const call = calls.findLast((one) => one.attempt === attempt);
  if (call === undefined) return [`upstream was not called by attempt ${attempt}`];
  if (call.endedBy !== 'complete') return [`the call upstream ended by ${call.endedBy ?? 'nothing'}`];
  const found: string[] = [];
  if (call.text !== undefined && call.text !== text) {
    const lengths = `upstream sent ${call.text.length} characters, the log holds ${text.length}`;
    found.push(`${lengths}; they differ from ${firstDifference(call.text, text)} on`);
  }
  if (call.sha256 !== undefined && call.sha256 !== sha256Of(text)) {
    found.push("upstream's digest is not that of the text");
  }
  return found;
}

function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

function mayHaveSent(call: UpstreamCallRecord, text: string): boolean {
  return call.text === undefined || call.text.startsWith(text);
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * I6: `never` is one call. `safe` repeats only what provably did not begin: each call but the last was refused, and
 * none had output. `always` may repeat anything, as often as the record says.
 */
export function checkRetries(view: JobView): Violation[] {
  const { jobId, calls, acknowledged, record } = view;
  const policy = acknowledged[0]?.retry ?? record?.retry ?? 'safe';
  const violation = (detail: string): Violation[] => [{ invariant: 'I6', jobId, detail }];
  if (calls.length < 2) return [];
  if (policy === 'always') {
    const max = Number(record?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
    const begun = calls.filter(({ endedBy }) => endedBy !== 'refused').length;
    return begun <= max ? [] : violation(`it was begun ${begun} times, and may be ${max} times`);
  }
  if (policy === 'never') return violation(`retry is never, and upstream was called ${calls.length} times`);
  const begun = calls
    .slice(0, -1)
    .findIndex((call) => call.firstByteAt !== undefined || call.endedBy !== 'refused');
  if (begun < 0) return [];
  const { endedBy, firstByteAt } = calls[begun] as UpstreamCallRecord;
  const how = firstByteAt === undefined ? `ended by ${endedBy ?? 'nothing'}` : 'had sent output';
  return violation(`retry is safe, and after call ${begun + 1} of ${calls.length} ${how} there was another`);
}

/** I8: no call runs on after its job's terminal event; a worker that a fault stopped may see to it when that is over. */
export function checkLeftRunning(view: JobView, history: History, bounds: Bounds): Violation[] {
  const { jobId, calls, terminal } = view;
  if (terminal === undefined) return [];
  return calls.flatMap((call) => {
    const endedAt = call.endedAt ?? Number.POSITIVE_INFINITY;
    const shouldEndAt = Math.max(terminal.time, faultsOver(history, endedAt)) + bounds.upstreamMs;
    if (endedAt <= shouldEndAt) return [];
    const how = call.endedAt === undefined ? 'still ran' : `ran on for ${endedAt - terminal.time} ms`;
    const detail = `the call of attempt ${call.attempt} ${how} after ${terminal.type}`;
    return { invariant: 'I8', jobId, detail } as const;
  });
}

/** I8: a cancel's answer comes true. */
export function checkCancels({ jobId, cancels, terminal, loss }: JobView): Violation[] {
  if (terminal === undefined || loss !== undefined) return [];
  return cancels.flatMap(({ accepted, status }) => {
    if (accepted ? mayFollowCancel(terminal) : terminal.type === status) return [];
    const answer = accepted ? 'accepted' : `answered with ${status}`;
    return {
      invariant: 'I8',
      jobId,
      detail: `a cancel was ${answer}, and the job ended as ${terminal.type}`,
    } as const;
  });
}
