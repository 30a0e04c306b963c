/** What `cc-executor batch` does. Lines are sent as they are read; results are printed as they come. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError } from '@cc-executor/client';
import type { Result } from '@cc-executor/protocol';
import { exitCodes } from './exit-codes.ts';
import { harmless } from './harmless.ts';
import { askHttpDoor } from './http-door.ts';
import { withClient } from './open-client.ts';
import { UsageError } from './usage-error.ts';

/** Counts are a second old at most. */
const LOOK_MS = 1_000;

export type SubmittedBatch = {
  batchId: string;
  created: boolean;
  jobs: { line: number; jobId?: string; error?: { message: string } }[];
  lines: number;
  refused: number;
};

/** Gives the exit code. @param file undefined: standard input */
export async function submitBatch(
  file: string | undefined,
  {
    url,
    idempotencyKey = `cli-${randomUUID()}`,
    json = false,
  }: { url?: string; idempotencyKey?: string; json?: boolean },
): Promise<number> {
  const batch = await sendBatch(file, { url, idempotencyKey });
  if (json) process.stdout.write(`${JSON.stringify(batch)}\n`);
  else process.stdout.write(`${batch.batchId}  ${batch.lines} lines, ${batch.refused} refused\n`);
  for (const { line, error } of batch.jobs)
    if (error) process.stderr.write(`line ${line}: ${harmless(error.message)}\n`);
  return batch.refused === 0 ? exitCodes.completed : exitCodes.failed;
}

/** Sends the lines, as they are read. Errors: `UsageError` for a file that cannot be read, `ClientError`. */
export async function sendBatch(
  file: string | undefined,
  { url, idempotencyKey }: { url: string | undefined; idempotencyKey: string },
): Promise<SubmittedBatch> {
  const lines = file === undefined ? process.stdin : createReadStream(file);
  let unreadable: NodeJS.ErrnoException | undefined;
  lines.on('error', (error) => {
    unreadable = error;
  });
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': idempotencyKey };
  // Undici's own: it streams what it sends.
  const init = { method: 'POST', body: Readable.toWeb(lines), headers, duplex: 'half' } as RequestInit;
  try {
    return (await (await askHttpDoor(url, 'batches', init)).json()) as SubmittedBatch;
  } catch (error) {
    if (unreadable) throw new UsageError(`${file} cannot be read: ${unreadable.code ?? unreadable.message}`);
    if (!(error instanceof ClientError)) throw error;
    // What of it was accepted is known to the gateway alone.
    const isUnknown = error.retryable || error.code === 'connect_failed';
    throw new ClientError(error.code, error.message, { retryable: isUnknown, idempotencyKey });
  }
}

export async function showBatch(
  batchId: string,
  { url, json = false }: { url?: string; json?: boolean },
): Promise<void> {
  const batch = await withClient(url, (client) => client.getBatch(batchId));
  process.stdout.write(json ? `${JSON.stringify(batch)}\n` : describe(batch));
}

function describe({ batchId, status, lines, counts }: Result<'getBatch'>): string {
  const parts = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  return `${batchId}  ${status}, ${lines} lines: ${parts.join(', ') || 'none'}\n`;
}

export async function printResults(
  batchId: string,
  { url, wait = false }: { url?: string; wait?: boolean },
): Promise<void> {
  await withClient(url, async (client) => {
    while (wait && (await client.getBatch(batchId)).status !== 'ended') await sleep(LOOK_MS);
    let afterLine: number | undefined = 0;
    while (afterLine !== undefined) {
      const page: Result<'batchResults'> = await client.batchResults({ batchId, afterLine, limit: 100 });
      process.stdout.write(page.results.map((result) => `${JSON.stringify(result)}\n`).join(''));
      afterLine = page.afterLine;
    }
  });
}

export async function cancelBatch(batchId: string, url: string | undefined): Promise<void> {
  const { accepted } = await withClient(url, (client) => client.cancelBatch(batchId));
  process.stdout.write(`${accepted} jobs are cancelled, or are being cancelled\n`);
}
