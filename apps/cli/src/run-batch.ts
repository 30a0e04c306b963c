/**
 * What `cc-executor batch run` does. Killed and started again it sends the same lines under the same key, which is the same batch
 * with the same jobs, and goes on after the last result that it wrote.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@cc-executor/client';
import { createBatchProgress } from './batch-progress.ts';
import { type SubmittedBatch, sendBatch } from './batches.ts';
import { runBounded } from './bounded-batch.ts';
import { exitCodes } from './exit-codes.ts';
import { withClient } from './open-client.ts';
import { openResults, type ResultsFile, unusable } from './results-file.ts';
import { UsageError } from './usage-error.ts';

/** Results and progress are a second old at most. */
const LOOK_MS = 1_000;

export type RunBatchOptions = { out: string; url?: string; idempotencyKey?: string; concurrency?: number };

/** Resolves with the exit code when each line has its result. Errors: `UsageError`, `ConfigError`, `ClientError`. */
export async function runBatch(
  file: string,
  { out, url, idempotencyKey, concurrency }: RunBatchOptions,
): Promise<number> {
  const key = idempotencyKey ?? (await keyOfLines(file));
  const results = await openResults(out);
  try {
    if (concurrency === undefined) await runAtOnce(file, results, { url, key });
    else await runBounded(file, results, { url, key, concurrency });
    return results.completed === results.count ? exitCodes.completed : exitCodes.failed;
  } finally {
    await results.close();
  }
}

/** All lines are handed to the gateway; their jobs wait there. */
async function runAtOnce(
  file: string,
  results: ResultsFile,
  { url, key }: { url: string | undefined; key: string },
): Promise<void> {
  const batch = await sendBatch(file, { url, idempotencyKey: key });
  await withClient(url, async (client) => {
    if (!isBeginningOf(batch, results)) {
      // Nobody would ask for its results.
      if (batch.created) await client.cancelBatch(batch.batchId);
      throw new UsageError(`${results.path} holds other results than those of ${file}: name another file`);
    }
    await results.begin();
    process.stderr.write(
      `${batch.batchId}  ${batch.lines} lines, ${batch.refused} refused, ${results.count} written\n`,
    );
    await writeResults(results, client, batch.batchId);
  });
}

async function keyOfLines(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash).catch(unusable(file));
  return `cli-${hash.digest('hex')}`;
}

function isBeginningOf({ jobs }: SubmittedBatch, { kept }: ResultsFile): boolean {
  return kept.every(({ line, jobId }, index) => jobs[index]?.line === line && jobs[index].jobId === jobId);
}

/** Appends what has ended, always all of a line and never past one that has not, until there is no other. */
async function writeResults(results: ResultsFile, client: Client, batchId: string): Promise<void> {
  const progress = createBatchProgress(process.stderr);
  try {
    for (;;) {
      const isDone = await writeEnded(results, client, batchId);
      const batch = await client.getBatch(batchId);
      progress.show(batch);
      // Counts may lag behind the results: the last that is shown is to be true.
      if (isDone && batch.status === 'ended') return;
      await sleep(LOOK_MS);
    }
  } finally {
    progress.end();
  }
}

/** Resolves with whether each line is written. */
async function writeEnded(results: ResultsFile, client: Client, batchId: string): Promise<boolean> {
  let afterLine: number | undefined = results.lastLine;
  while (afterLine !== undefined) {
    const page = await client.batchResults({ batchId, afterLine, limit: 100 });
    const firstOpen = page.results.findIndex(({ terminal, error }) => !terminal && !error);
    await results.append(firstOpen === -1 ? page.results : page.results.slice(0, firstOpen));
    if (firstOpen !== -1) return false;
    afterLine = page.afterLine;
  }
  return true;
}
