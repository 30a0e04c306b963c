/** One job in readable lines. */
import type { Delivery, Job, Result } from '@cc-executor/protocol';
import { isTerminal, isTerminalEvent } from '@cc-executor/protocol/plain';
import { type Colors, colorsFor } from './colors.ts';
import { formatDuration, formatTime, oneLine } from './format.ts';
import { describeEnd } from './render.ts';

/** The status, and what is asked of a job that has not ended. */
export function describeStatus(job: Job): string {
  if (isTerminal(job.status)) return job.status;
  if (job.cancelRequested) return `${job.status}, cancelling`;
  if (job.pausedAt !== undefined) return `${job.status}, ${job.pauseRequested ? 'paused' : 'resuming'}`;
  if (job.notBefore !== undefined) return `${job.status}, waiting for a usage limit to be lifted`;
  return job.pauseRequested ? `${job.status}, pausing` : job.status;
}

export function describeJob(job: Result<'get'>, colors: Colors = colorsFor(process.stdout)): string {
  const { createdAt, startedAt, endedAt, terminal } = job;
  const lines: [string, string | undefined][] = [
    ['job', job.jobId],
    ['tenant', job.tenant],
    ['title', job.title && oneLine(job.title, Number.POSITIVE_INFINITY)],
    ['status', describeStatus(job)],
    ['created', formatTime(createdAt)],
    ['started', startedAt && `${formatTime(startedAt)}  after ${formatDuration(startedAt - createdAt)}`],
    [
      'ended',
      endedAt && `${formatTime(endedAt)}  after ${formatDuration(endedAt - (startedAt ?? createdAt))}`,
    ],
    [
      job.pausedAt === undefined ? 'must end' : 'must resume',
      isTerminal(job.status) ? undefined : formatTime(job.deadlineAt),
    ],
    ['not before', job.notBefore && formatTime(job.notBefore)],
    ['rerun of', job.rerunOf],
    ['attempt', String(job.attempt)],
    ['events', String(job.lastSeq)],
    ['metadata', job.metadata && oneLine(JSON.stringify(job.metadata), Number.POSITIVE_INFINITY)],
    ['webhook', job.webhook && describeDelivery(job.webhook)],
    ['conversation', terminal && isTerminalEvent(terminal) ? terminal.conversation : undefined],
    ['end', terminal && isTerminalEvent(terminal) ? describeEnd(terminal, colors) : undefined],
  ].map(([name, value]) => [String(name), value === undefined || value === 0 ? undefined : String(value)]);
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${colors.dim(name.padEnd(13))}${value}\n`)
    .join('');
}

function describeDelivery({ origin, state, attempts, lastStatus, lastError, nextAt }: Delivery): string {
  const last = lastStatus ?? lastError;
  return [
    `${state}, ${origin}`,
    ...(attempts > 0 ? [`attempts ${attempts}`] : []),
    ...(last === undefined ? [] : [`last ${last}`]),
    ...(nextAt === undefined ? [] : [`next ${formatTime(nextAt)}`]),
  ].join(', ');
}
