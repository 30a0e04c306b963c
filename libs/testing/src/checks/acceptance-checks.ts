/** What an answered `execute` promised: I7. */
import { isTerminalEvent } from '@cc-executor/protocol';
import type { Acknowledged, History } from '../history.ts';
import { type JobView, nameAttachment } from './job-view.ts';
import type { Bounds, Violation } from './violation.ts';

/**
 * I7: an acknowledged job has its record, in the log that was promised; where data was lost, whoever still listens
 * is told so. `job_lost` is only said when it is true.
 */
export function checkAccepted(view: JobView, history: History, bounds: Bounds): Violation[] {
  const { jobId, acknowledged, attachments, record, loss } = view;
  const found: string[] = [];
  const mayBeGone = loss !== undefined || hasExpired(view, history, bounds);
  if (record === undefined && acknowledged.length > 0) {
    if (!mayBeGone) found.push('the job was acknowledged, and there is no record of it');
    for (const { attached } of attachments) {
      if (attached.end === undefined)
        found.push(`${nameAttachment(attached)} was not told that the job is lost`);
    }
  }
  for (const { attached } of attachments) {
    if (attached.end?.how === 'job_lost' && !mayBeGone) {
      found.push(`${nameAttachment(attached)} was told that the job is lost`);
    }
  }
  const epochs = new Set(acknowledged.map(({ epoch }) => epoch));
  if (record?.epoch !== undefined) epochs.add(record.epoch);
  if (epochs.size > 1 && loss === undefined) found.push(`the job has ${epochs.size} logs: ${[...epochs]}`);
  return found.map((detail) => ({ invariant: 'I7', jobId, detail }));
}

/** I7: one idempotency key is one job, which is created once; what shares no key shares no job. */
export function checkIdempotency(history: History, views: JobView[]): Violation[] {
  const lost = new Set(views.filter(({ loss }) => loss !== undefined).map(({ jobId }) => jobId));
  const found: Violation[] = [];
  for (const [key, answers] of groupByKey(history.acknowledged)) {
    const jobIds = new Set(answers.map(({ jobId }) => jobId));
    if (jobIds.size === 1 || answers.some(({ jobId }) => lost.has(jobId))) continue;
    const detail = `idempotency key ${key} gave ${jobIds.size} jobs: ${[...jobIds]}`;
    found.push({ invariant: 'I7', jobId: answers[0]?.jobId, detail });
  }
  for (const { jobId, acknowledged, loss } of views) {
    const keys = new Set(acknowledged.map(({ idempotencyKey }) => idempotencyKey));
    const shared = keys.size > 1 || (keys.has(undefined) && acknowledged.length > 1);
    if (shared)
      found.push({ invariant: 'I7', jobId, detail: 'executes that share no key were given one job' });
    const created = acknowledged.filter((answer) => answer.created).length;
    if (created > 1 && loss === undefined) {
      found.push({ invariant: 'I7', jobId, detail: `the job was created ${created} times` });
    }
  }
  return found;
}

function groupByKey(acknowledged: Acknowledged[]): Map<string, Acknowledged[]> {
  const withKey = acknowledged.filter(({ idempotencyKey }) => idempotencyKey !== undefined);
  return Map.groupBy(withKey, ({ tenant = '', idempotencyKey = '' }) => `${tenant} ${idempotencyKey}`.trim());
}

/** The retention had passed when the history was taken, as those who saw the end can tell. */
function hasExpired({ attachments }: JobView, { takenAt }: History, { retentionMs }: Bounds): boolean {
  if (retentionMs === undefined) return false;
  const seen = attachments.flatMap(({ entries }) => entries.at(-1)?.event ?? []);
  return seen.some((event) => isTerminalEvent(event) && event.time + retentionMs <= takenAt);
}
