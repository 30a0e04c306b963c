/** What the log of a job must look like at the end, whoever read it: I1 and I4. */
import { isTerminalEvent, type JobEvent } from '@cc-executor/protocol';
import { type JobView, nameAttachment } from './job-view.ts';
import type { Violation } from './violation.ts';

/** I1: exactly one terminal event, and it is the last; the record says the same. */
export function checkTerminalEvent({ jobId, record, log, events }: JobView): Violation[] {
  if (record === undefined) return [];
  const terminals = events.filter(isTerminalEvent);
  const found: string[] = [];
  const [terminal] = terminals;
  if (terminal === undefined) {
    found.push(`the log has no terminal event; it ends with ${events.at(-1)?.type ?? 'nothing'}`);
  } else if (terminals.length > 1) {
    found.push(`the log has ${terminals.length} terminal events: ${terminals.map(({ type }) => type)}`);
  } else if (terminal !== events.at(-1)) {
    found.push(`${terminal.type} (seq ${terminal.seq}) is not the last event of the log`);
  }
  if (terminal && record.status !== terminal.type) {
    found.push(`the record says ${record.status}, the log ${terminal.type}`);
  }
  if (Number(record.seq) !== log.length) {
    found.push(`the record says that the log ends at seq ${record.seq}; it has ${log.length} events`);
  }
  return found.map((detail) => ({ invariant: 'I1', jobId, detail }));
}

/** I4: attempts never go back, and after a newer attempt raised the fence nothing of an older one was taken. */
export function checkFence(view: JobView): Violation[] {
  const { jobId, record, events, calls, terminal } = view;
  const found = findOlderAttempts(events).map((detail) => `in the log, ${detail}`);
  for (const { attached, entries } of view.attachments) {
    const seen = findOlderAttempts(entries.flatMap(({ event }) => event ?? []));
    found.push(...seen.map((detail) => `${nameAttachment(attached)} saw that ${detail}`));
  }
  for (const call of calls) {
    // An attempt raises the fence before it calls upstream: whatever an older one wrote since should be refused.
    const late = events.find(({ attempt, time }) => attempt < call.attempt && time > call.startedAt);
    if (late) {
      found.push(
        `${describe(late)} was taken ${late.time - call.startedAt} ms after attempt ${call.attempt} had begun`,
      );
    }
  }
  if (terminal && record?.fence !== undefined && Number(record.fence) !== terminal.attempt) {
    found.push(`the fence stands at ${record.fence}, but ${describe(terminal)} ended the job`);
  }
  return found.map((detail) => ({ invariant: 'I4', jobId, detail }));
}

function findOlderAttempts(events: JobEvent[]): string[] {
  const found: string[] = [];
  let newest: JobEvent | undefined;
  for (const event of events) {
    if (newest && event.attempt < newest.attempt) {
      found.push(`${describe(event)} stands behind ${describe(newest)}`);
    }
    if (!newest || event.attempt > newest.attempt) newest = event;
  }
  return found;
}

function describe({ type, seq, attempt }: JobEvent): string {
  return `${type} (seq ${seq}, attempt ${attempt})`;
}
