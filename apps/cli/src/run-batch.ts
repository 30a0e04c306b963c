/**
 * What `cc-executor batch run` does. The file of results is all it remembers: killed and started again it sends the
 * same lines under the same key, which is the same batch, keeps the whole lines it has, and goes on after the last.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@cc-executor/client';
import type { BatchResult } from '@cc-executor/protocol';
import { createBatchProgress } from './batch-progress.ts';
import { type SubmittedBatch, sendBatch } from './batches.ts';
import { exitCodes } from './exit-codes.ts';
import { withClient } from './open-client.ts';
import { UsageError } from './usage-error.ts';

/** Results and progress are a second old at most. */
const LOOK_MS = 1_000;

const LINE_FEED = 10;

/** As each result begins: nothing else is overwritten. */
const BEGINNING = '{"line":';

export type RunBatchOptions = { out: string; url?: string; idempotencyKey?: string };

/** How far the file of results is. */
type Written = { line: number; allCompleted: boolean };

/** Resolves with the exit code when each line has its result. Errors: `UsageError`, `ConfigError`, `ClientError`. */
export async function runBatch(file: string, { out, url, idempotencyKey }: RunBatchOptions): Promise<number> {
  const key = idempotencyKey ?? (await keyOfLines(file));
  const results = await open(out, 'a+').catch(unusable(out));
  try {
    const { kept, end } = await readWholeLines(results, out);
    const batch = await sendBatch(file, { url, idempotencyKey: key });
    return await withClient(url, async (client) => {
      if (!isBeginningOf(batch, kept)) {
        // Nobody would ask for its results.
        if (batch.created) await client.cancelBatch(batch.batchId);
        throw new UsageError(`${out} holds other results than those of ${file}: name another file`);
      }
      await results.truncate(end);
      process.stderr.write(
        `${batch.batchId}  ${batch.lines} lines, ${batch.refused} refused, ${kept.length} written\n`,
      );
      const written = {
        line: kept.at(-1)?.line ?? 0,
        allCompleted: kept.every(isCompleted),
      };
      await writeResults(results, client, { batchId: batch.batchId, written });
      return written.allCompleted ? exitCodes.completed : exitCodes.failed;
    });
  } finally {
    await results.close();
  }
}

async function keyOfLines(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash).catch(unusable(file));
  return `cli-${hash.digest('hex')}`;
}

function unusable(file: string) {
  return (error: NodeJS.ErrnoException): never => {
    throw new UsageError(`${file} cannot be used: ${error.code ?? error.message}`);
  };
}

/** Gives the results that are there, and where a line begins that a kill left unfinished. Errors: `UsageError` for a file of anything else. */
async function readWholeLines(
  results: FileHandle,
  path: string,
): Promise<{ kept: BatchResult[]; end: number }> {
  const bytes = await results.readFile();
  const kept: BatchResult[] = [];
  let start = 0;
  for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
    const line = bytes.toString('utf8', start, end);
    if (!line.startsWith(BEGINNING)) throw notResults(path);
    kept.push(JSON.parse(line) as BatchResult);
    start = end + 1;
  }
  if (!BEGINNING.startsWith(bytes.toString('utf8', start, start + BEGINNING.length))) throw notResults(path);
  return { kept, end: start };
}

function notResults(path: string): UsageError {
  return new UsageError(`${path} holds other things than results: name another file`);
}

function isBeginningOf({ jobs }: SubmittedBatch, kept: BatchResult[]): boolean {
  return kept.every(({ line, jobId }, index) => jobs[index]?.line === line && jobs[index].jobId === jobId);
}

/** Appends what has ended, always all of a line and never past one that has not, until there is no other. */
async function writeResults(
  results: FileHandle,
  client: Client,
  { batchId, written }: { batchId: string; written: Written },
): Promise<void> {
  const progress = createBatchProgress(process.stderr);
  try {
    for (;;) {
      const isDone = await writeEnded(results, client, { batchId, written });
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
async function writeEnded(
  results: FileHandle,
  client: Client,
  { batchId, written }: { batchId: string; written: Written },
): Promise<boolean> {
  let afterLine: number | undefined = written.line;
  while (afterLine !== undefined) {
    const page = await client.batchResults({ batchId, afterLine, limit: 100 });
    const firstOpen = page.results.findIndex(({ terminal, error }) => !terminal && !error);
    const ended = firstOpen === -1 ? page.results : page.results.slice(0, firstOpen);
    await results.appendFile(ended.map((result) => `${JSON.stringify(result)}\n`).join(''));
    written.line = ended.at(-1)?.line ?? written.line;
    written.allCompleted &&= ended.every(isCompleted);
    if (firstOpen !== -1) return false;
    afterLine = page.afterLine;
  }
  return true;
}

function isCompleted({ terminal }: BatchResult): boolean {
  return terminal?.type === 'completed';
}
