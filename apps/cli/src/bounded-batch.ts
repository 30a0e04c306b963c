/**
 * A batch of which only so many jobs are there at a time: `batch run --concurrency`. Each line is submitted when one before it has
 * ended, under a key made of the batch's and its number, so that a line that is sent again has the job that it had.
 */
import { readFile } from 'node:fs/promises';
import { type Client, ClientError } from '@cc-executor/client';
import type { BatchResult } from '@cc-executor/protocol';
import { MAX_TIMEOUT_MS } from '@cc-executor/protocol/plain';
import { createBatchProgress } from './batch-progress.ts';
import { withClient } from './open-client.ts';
import { type ResultsFile, unusable } from './results-file.ts';
import { UsageError } from './usage-error.ts';

type Line = { line: number; text: string };

/** What is wrong with no line by itself. */
const OF_ALL = ['unauthenticated', 'forbidden', 'connection_closed', 'protocol_violation'];

type BoundedOptions = { url: string | undefined; key: string; concurrency: number };

/** Resolves when each line has its result. Errors: `UsageError`, `ClientError`. */
export async function runBounded(
  file: string,
  results: ResultsFile,
  { url, key, concurrency }: BoundedOptions,
): Promise<void> {
  const lines = linesOf(await readFile(file, 'utf8').catch(unusable(file)));
  await withClient(url, async (client) => {
    const submit = createSubmit(client, key, await longestWait(client));
    const last = results.kept.findLast(({ jobId }) => jobId !== undefined);
    if (last !== undefined && !(await submit.isJobOf(lines, last)))
      throw new UsageError(`${results.path} holds other results than those of ${file}: name another file`);
    await results.begin();
    process.stderr.write(`${lines.length} lines, ${results.count} written, ${concurrency} at a time\n`);
    const open = lines.filter(({ line }) => line > results.lastLine);
    await runLines(open, submit.resultOf, { results, lines: lines.length, concurrency });
  });
}

/** As the gateway counts them: from 1, the empty ones too, which are passed over. */
function linesOf(content: string): Line[] {
  return content
    .split('\n')
    .map((text, index) => ({ line: index + 1, text }))
    .filter(({ text }) => text.trim() !== '');
}

/** As long as jobs of the gateway's batches wait for a worker, in ms. */
async function longestWait(client: Client): Promise<number> {
  const { ceilings } = await client.me();
  return Math.min(MAX_TIMEOUT_MS, Number(ceilings['timeouts.queueMs'] ?? MAX_TIMEOUT_MS));
}

function createSubmit(client: Client, key: string, queueMs: number) {
  function execute({ line, text }: Line) {
    const { timeouts = {}, ...asked } = parse(text);
    const isObject = typeof timeouts === 'object' && timeouts !== null;
    const params = {
      idempotencyKey: `${key}:${line}`,
      ...asked,
      timeouts: isObject ? { queueMs, ...timeouts } : timeouts,
    };
    return client.execute(params as Parameters<Client['execute']>[0]);
  }

  return {
    /** Whether the line has this job, and has not got a new one now. */
    async isJobOf(lines: readonly Line[], { line, jobId }: BatchResult): Promise<boolean> {
      const sent = lines.find((one) => one.line === line);
      if (sent === undefined) return false;
      try {
        const job = await execute(sent);
        // Nobody would ask for its result.
        if (job.created) await job.cancel();
        job.detach();
        return job.jobId === jobId;
      } catch (error) {
        if (isOfLine(error)) return false;
        throw error;
      }
    },
    /** What became of a line, once that is known. Errors: those that are no fault of the line. */
    async resultOf(sent: Line): Promise<BatchResult> {
      const { line } = sent;
      let jobId: string | undefined;
      try {
        const job = await execute(sent);
        jobId = job.jobId;
        const terminal = await job.done();
        return { line, jobId, status: terminal.type, terminal } as BatchResult;
      } catch (error) {
        if (!isOfLine(error) || isOtherBatch(sent, error)) throw error;
        const { code, message } = error;
        return { line, ...(jobId === undefined ? {} : { jobId }), error: { code, message } };
      }
    },
  };
}

/** The line was another one when its key was the batch's before. */
function isOtherBatch({ text }: Line, { code }: ClientError): boolean {
  return code === 'idempotency_conflict' && parse(text).idempotencyKey === undefined;
}

function isOfLine(error: unknown): error is ClientError {
  return error instanceof ClientError && !error.retryable && !OF_ALL.includes(error.code);
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new ClientError('parse_error', 'The line is no JSON object.');
}

/** Works at so many lines at a time, and writes their results in the order of the lines. */
async function runLines(
  open: readonly Line[],
  resultOf: (line: Line) => Promise<BatchResult>,
  { results, lines, concurrency }: { results: ResultsFile; lines: number; concurrency: number },
): Promise<void> {
  const progress = createBatchProgress(process.stderr);
  const early = new Map<number, BatchResult>();
  let { completed } = results;
  let [begun, ended, written] = [0, 0, 0];
  let isBroken = false;
  let writing = Promise.resolve();

  function take(index: number, result: BatchResult): Promise<void> {
    ended += 1;
    if (result.status === 'completed') completed += 1;
    early.set(index, result);
    const ready: BatchResult[] = [];
    for (let next = early.get(written); next !== undefined; next = early.get(written)) {
      ready.push(next);
      early.delete(written);
      written += 1;
    }
    writing = writing.then(() => results.append(ready));
    return writing;
  }

  function show(): void {
    progress.show({ lines, counts: { queued: open.length - begun, running: begun - ended, completed } });
  }

  async function work(): Promise<void> {
    while (begun < open.length && !isBroken) {
      const index = begun;
      begun += 1;
      try {
        await take(index, await resultOf(open[index]!));
      } catch (error) {
        isBroken = true;
        throw error;
      }
      show();
    }
  }

  try {
    show();
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    progress.end();
  }
}
