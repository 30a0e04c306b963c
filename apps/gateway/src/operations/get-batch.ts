/**
 * Get batch: counts of a batch's lines. Lines that have ended are counted once for all; only the others are looked at, and
 * once a second at most, however many ask.
 */
import { type JobBatches, type LineEnd, lineEndOf, type ReadLog } from '@cc-executor/job-log';
import { ProtocolError, type Result } from '@cc-executor/protocol';
import { unlessItCanWrite } from '@cc-executor/redis';
import type { Operation } from './operation.ts';

const STEP = 500;
const FRESH_MS = 1_000;

type Found = Result<'getBatch'>;
type Parts = { jobBatches: JobBatches; readLog: Pick<ReadLog, 'positions'> };

/** Errors: `batch_not_found`. */
export function createGetBatch(parts: Parts): Operation<'getBatch'> {
  const fresh = new Map<string, Promise<Found>>();

  function look(tenant: string, batchId: string): Promise<Found> {
    const key = `${tenant} ${batchId}`;
    const known = fresh.get(key);
    if (known) return known;
    const found = countLines(parts, tenant, batchId);
    fresh.set(key, found);
    const forget = () => fresh.delete(key);
    found.then(() => setTimeout(forget, FRESH_MS).unref(), forget);
    return found;
  }

  return async ({ tenant }, { batchId }) => ({ result: await look(tenant, batchId) });
}

async function countLines({ jobBatches, readLog }: Parts, tenant: string, batchId: string): Promise<Found> {
  if (!(await jobBatches.get(tenant, batchId))) throw new ProtocolError('batch_not_found');
  const unfinished = { queued: 0, running: 0 };
  const uncounted: LineEnd[] = [];
  for (let afterLine = 0; ; ) {
    const lines = await jobBatches.unfinished(batchId, afterLine, STEP);
    const positions = await readLog.positions(
      tenant,
      lines.map(({ jobId }) => jobId),
    );
    const ended = lines.flatMap(({ line, jobId }) => {
      const status = positions.get(jobId)?.status;
      if (status === 'queued' || status === 'running') unfinished[status] += 1;
      const end = lineEndOf(status);
      return end ? [{ line, end }] : [];
    });
    // Also without any: who looks at a batch keeps it.
    await jobBatches.count(batchId, ended).catch((error) => {
      unlessItCanWrite(error);
      uncounted.push(...ended.map(({ end }) => end));
    });
    const last = lines.at(-1);
    if (last === undefined || lines.length < STEP) break;
    afterLine = last.line;
  }
  const batch = await jobBatches.get(tenant, batchId);
  if (!batch) throw new ProtocolError('batch_not_found');
  const counts = { ...unfinished, ...batch.ended };
  for (const end of uncounted) counts[end] += 1;
  const isRunning = unfinished.queued + unfinished.running > 0;
  return {
    batchId,
    status: batch.sha256 === undefined ? 'accepting' : isRunning ? 'running' : 'ended',
    createdAt: batch.createdAt,
    lines: Object.values(counts).reduce((sum, count) => sum + count, 0),
    counts,
  };
}
