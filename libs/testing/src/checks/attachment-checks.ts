/** What those who listened must have seen: I2, I3 and I9. */
import { isTerminalEvent } from '@cc-executor/protocol';
import type { History } from '../history.ts';
import { endsByItself } from './endings.ts';
import { faultsOver, type JobView, nameAttachment } from './job-view.ts';
import type { CheckOptions, Violation } from './violation.ts';

type AttachmentView = JobView['attachments'][number];

/**
 * I2: no attachment sees two terminal events, or anything after one; an attachment that lived sees one, in time: once
 * the faults and the job's upstream calls are over (or its limit has passed, when it ends as timed_out).
 */
export function checkDelivery(view: JobView, history: History, options: CheckOptions): Violation[] {
  return view.attachments.flatMap((attachment) => {
    const problem = judgeDelivery(view, attachment, history, options);
    if (problem === undefined) return [];
    const detail = `${nameAttachment(attachment.attached)} ${problem}`;
    return { invariant: 'I2', jobId: view.jobId, detail } as const;
  });
}

function judgeDelivery(
  view: JobView,
  { attached, entries }: AttachmentView,
  history: History,
  options: CheckOptions,
): string | undefined {
  const terminals = entries.flatMap(({ event }, i) => (event && isTerminalEvent(event) ? [i] : []));
  const [index] = terminals;
  if (terminals.length > 1) return `saw ${terminals.length} terminal events`;
  if (index !== undefined && index < entries.length - 1) return 'saw events after the terminal event';

  const lived = attached.end === undefined || attached.end.how === 'terminal';
  // Attaching behind the terminal event asks for nothing.
  const askedForIt = view.terminal === undefined || attached.afterSeq < view.terminal.seq;
  if (!lived || !askedForIt) return undefined;
  if (index === undefined) return 'never saw the terminal event';

  const arrivedAt = attached.arrivedAt[index] ?? Number.POSITIVE_INFINITY;
  const lateMs = arrivedAt - Math.max(attached.openedAt, couldEndAt(view, history, options, arrivedAt));
  if (lateMs <= options.bounds.terminalMs) return undefined;
  return `saw the terminal event after ${lateMs} ms; the bound is ${options.bounds.terminalMs} ms`;
}

/** From when on nothing stood in the way of the job's end, seen from when it was delivered. */
function couldEndAt(
  view: JobView,
  history: History,
  { upstreamRecorded = true }: CheckOptions,
  arrivedAt: number,
): number {
  const { acknowledged, cancels, calls, terminal } = view;
  const causes = [
    faultsOver(history, arrivedAt),
    ...acknowledged.map(({ at }) => at),
    ...cancels.map(({ at }) => at),
  ];
  for (const { endedAt } of calls) causes.push(endedAt ?? history.takenAt);
  if (terminal && (!upstreamRecorded || endsByItself(terminal))) causes.push(terminal.time);
  return Math.max(...causes);
}

/**
 * I3: seq counts on without a hole, in the log and from each attachment's position on; what clients saw is the log's
 * text, byte for byte, so two of them saw the same. Where the tail of the log was lost, texts are not compared.
 */
export function checkSequence(view: JobView): Violation[] {
  const { jobId, log, record, loss, attachments } = view;
  const found: string[] = [];
  const texts = new Map<string, string>();
  for (const [i, { json, event }] of log.entries()) {
    if (event === undefined) found.push(`the log holds what is no event, at ${i + 1}: ${excerpt(json)}`);
    else if (event.seq !== i + 1) found.push(`the log has seq ${event.seq} where ${i + 1} belongs`);
    else if (event.jobId !== jobId) found.push(`the log holds an event of another job, ${event.jobId}`);
    else if (event.epoch !== record?.epoch) found.push(`the log holds an event of epoch ${event.epoch}`);
    texts.set(`${event?.epoch} ${i + 1}`, json);
  }
  for (const { attached, entries } of attachments) {
    const problem = judgeSequence(attached, entries);
    if (problem) found.push(`${nameAttachment(attached)} ${problem}`);
    if (loss === 'tail') continue;
    for (const { json, event } of entries) {
      if (event === undefined) continue;
      const key = `${event.epoch} ${event.seq}`;
      const known = texts.get(key);
      if (known === undefined && event.epoch === record?.epoch) {
        found.push(`${nameAttachment(attached)} saw seq ${event.seq}, which is not in the log`);
      } else if (known !== undefined && known !== json) {
        found.push(
          `${nameAttachment(attached)} saw seq ${event.seq} as ${excerpt(json)}, not ${excerpt(known)}`,
        );
      }
      if (known === undefined) texts.set(key, json);
    }
  }
  return found.map((detail) => ({ invariant: 'I3', jobId, detail }));
}

function judgeSequence(
  { jobId, afterSeq }: AttachmentView['attached'],
  entries: AttachmentView['entries'],
): string | undefined {
  for (const [i, { json, event }] of entries.entries()) {
    const due = afterSeq + 1 + i;
    if (event === undefined) return `was sent what is no event: ${excerpt(json)}`;
    if (event.seq !== due) return `saw seq ${event.seq} where ${due} was due`;
    if (event.jobId !== jobId) return `saw an event of another job, ${event.jobId}`;
    if (event.epoch !== entries[0]?.event?.epoch) return `saw the log change to epoch ${event.epoch}`;
  }
  return undefined;
}

function excerpt(json: string): string {
  return json.length > 200 ? `${json.slice(0, 200)}…` : json;
}

/** I9: nobody listens to a job of another tenant. Trivial as long as there is one. */
export function checkTenants({ jobId, acknowledged, attachments }: JobView): Violation[] {
  const owner = acknowledged[0]?.tenant;
  return attachments
    .filter(
      ({ attached }) => owner !== undefined && attached.tenant !== undefined && attached.tenant !== owner,
    )
    .map(({ attached }) => ({
      invariant: 'I9',
      jobId,
      detail: `${nameAttachment(attached)} of tenant ${attached.tenant} saw a job of ${owner}`,
    }));
}
