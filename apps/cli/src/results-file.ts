/**
 * The file of results of a batch, a line of JSON each, in the order of the lines. It is all that is remembered of a run: one that is
 * opened again keeps the whole lines it has, and what a kill left unfinished is cut off before more is written.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { BatchResult } from '@cc-executor/protocol';
import { UsageError } from './usage-error.ts';

const LINE_FEED = 10;

/** As each result begins: nothing else is overwritten. */
const BEGINNING = '{"line":';

export type ResultsFile = {
  readonly path: string;
  /** Those that were there. */
  readonly kept: readonly BatchResult[];
  /** Of the last result, or 0. */
  readonly lastLine: number;
  readonly count: number;
  readonly completed: number;
  /** Cuts off what was left unfinished: the file is that of this batch. */
  begin(): Promise<void>;
  append(results: readonly BatchResult[]): Promise<void>;
  close(): Promise<void>;
};

/** Errors: `UsageError` for a file of anything else, or one that cannot be opened. */
export async function openResults(path: string): Promise<ResultsFile> {
  const file = await open(path, 'a+').catch(unusable(path));
  const { kept, end } = await readWholeLines(file, path).catch(async (error) => {
    await file.close();
    throw error;
  });
  let count = kept.length;
  let completed = kept.filter(isCompleted).length;
  let lastLine = kept.at(-1)?.line ?? 0;
  return {
    path,
    kept,
    get lastLine() {
      return lastLine;
    },
    get count() {
      return count;
    },
    get completed() {
      return completed;
    },
    begin: () => file.truncate(end),
    async append(results) {
      await file.appendFile(results.map((result) => `${JSON.stringify(result)}\n`).join(''));
      count += results.length;
      completed += results.filter(isCompleted).length;
      lastLine = results.at(-1)?.line ?? lastLine;
    },
    close: () => file.close(),
  };
}

/** What to say of a file that cannot be used. */
export function unusable(path: string) {
  return (error: NodeJS.ErrnoException): never => {
    throw new UsageError(`${path} cannot be used: ${error.code ?? error.message}`);
  };
}

/** The results, and where a line begins that a kill left unfinished. */
async function readWholeLines(file: FileHandle, path: string): Promise<{ kept: BatchResult[]; end: number }> {
  const bytes = await file.readFile();
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

function isCompleted({ terminal }: BatchResult): boolean {
  return terminal?.type === 'completed';
}
