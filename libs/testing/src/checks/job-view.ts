/** A history sorted by job, with its events read: what every check looks at. */
import { eventSchema, isTerminalEvent, type JobEvent, type TerminalEvent } from '@cc-executor/protocol';
import type {
  Acknowledged,
  Attached,
  CancelAnswered,
  Fault,
  History,
  UpstreamCallRecord,
} from '../history.ts';

/** An event as text and as what it says; `event` is undefined when it is none. */
type Entry = { json: string; event: JobEvent | undefined };

export type JobView = {
  jobId: string;
  acknowledged: Acknowledged[];
  attachments: { attached: Attached; entries: Entry[] }[];
  cancels: CancelAnswered[];
  /** In the order in which they began. */
  calls: UpstreamCallRecord[];
  record: Record<string, string> | undefined;
  log: Entry[];
  /** Events of the log, without what is none. */
  events: JobEvent[];
  /** The log's first terminal event. */
  terminal: TerminalEvent | undefined;
  /** What Redis may have lost of this job. */
  loss: Fault['losesData'];
};

/** Views of all jobs that the history names. */
export function viewJobs(history: History): JobView[] {
  const named = [
    ...[...history.acknowledged, ...history.attachments, ...history.cancels],
    ...[...history.calls, ...history.stored],
  ];
  const views = new Map<string, JobView>();
  for (const { jobId } of named) if (!views.has(jobId)) views.set(jobId, emptyView(jobId));
  const viewOf = (jobId: string) => views.get(jobId) as JobView;

  for (const answer of history.acknowledged) viewOf(answer.jobId).acknowledged.push(answer);
  for (const cancel of history.cancels) viewOf(cancel.jobId).cancels.push(cancel);
  for (const attached of history.attachments) {
    viewOf(attached.jobId).attachments.push({ attached, entries: attached.events.map(readEntry) });
  }
  for (const call of history.calls.toSorted((a, b) => a.startedAt - b.startedAt)) {
    viewOf(call.jobId).calls.push(call);
  }
  for (const { jobId, record, log } of history.stored) {
    const view = viewOf(jobId);
    view.record = record;
    view.log = log.map(readEntry);
    view.events = view.log.flatMap(({ event }) => event ?? []);
    view.terminal = view.events.find(isTerminalEvent);
  }
  for (const view of views.values()) view.loss = lossOf(view, history.faults);
  return [...views.values()];
}

/** When every fault is over that began before `time`. */
export function faultsOver(history: History, time = Number.POSITIVE_INFINITY): number {
  const ends = history.faults.filter(({ startedAt }) => startedAt <= time).map(({ endedAt }) => endedAt);
  return Math.max(Number.NEGATIVE_INFINITY, ...ends);
}

/** A short name of an attachment, for people. */
export function nameAttachment({ client, gateway, afterSeq, openedAt }: Attached): string {
  return `${client} at ${gateway} (after ${afterSeq}, opened ${openedAt})`;
}

function emptyView(jobId: string): JobView {
  return {
    ...{ jobId, acknowledged: [], attachments: [], cancels: [], calls: [], log: [], events: [] },
    ...{ record: undefined, terminal: undefined, loss: undefined },
  };
}

function readEntry(json: string): Entry {
  try {
    return { json, event: eventSchema.safeParse(JSON.parse(json)).data };
  } catch {
    return { json, event: undefined };
  }
}

/** A loss concerns the jobs that were there before it was over. */
function lossOf({ acknowledged, attachments, events }: JobView, faults: Fault[]): Fault['losesData'] {
  const firstSeen = Math.min(
    ...acknowledged.map(({ at }) => at),
    ...attachments.map(({ attached }) => attached.openedAt),
    ...events.map(({ time }) => time),
  );
  const losses = faults.flatMap(({ losesData, endedAt }) =>
    losesData && firstSeen <= endedAt ? losesData : [],
  );
  return losses.includes('tail') ? 'tail' : losses[0];
}
