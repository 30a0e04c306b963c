/** The form of a batch on the channel: 'epoch firstSeq attempt time lastSeq status', then one body a line (see shared.lua). */
import type { JobStatus } from '@cc-executor/protocol';
import type { Publication } from './job-log.ts';

/** Reads a published batch. It slices; no event is parsed. */
export function parsePublication(jobId: string, message: Buffer): Publication {
  const lineEnd = message.indexOf('\n');
  const line = message.toString('latin1', 0, lineEnd === -1 ? message.length : lineEnd);
  const [epoch = '', firstSeq, attempt, time, last, status] = line.split(' ');
  const lastSeq = Number(last);
  const position = { epoch, lastSeq, status: status as JobStatus };
  if (lineEnd === -1) return position;
  const head = { firstSeq: Number(firstSeq), lastSeq, attempt: Number(attempt), time: Number(time) };
  return { ...position, batch: { jobId, epoch, ...head, bodies: message.subarray(lineEnd + 1) } };
}
