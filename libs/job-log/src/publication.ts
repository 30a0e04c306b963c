/** The form of a batch on the channel: 'epoch firstSeq lastSeq status', then one event a line (see shared.lua). */
import type { JobStatus } from '@cc-executor/protocol';
import type { Publication } from './job-log.ts';

/** Reads a published batch. It slices; no event is parsed. */
export function parsePublication(payload: string): Publication {
  const lines = payload.split('\n');
  const [epoch = '', firstSeq, lastSeq, status] = (lines[0] ?? '').split(' ');
  return {
    epoch,
    firstSeq: Number(firstSeq),
    lastSeq: Number(lastSeq),
    status: status as JobStatus,
    events: lines.slice(1),
  };
}
