/**
 * Which conversation an execution was, and which part of its transcript: kept for a bounded time and number, in a file
 * that survives a restart. A line is appended for each change; the last one of an execution counts.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type Logger, NO_FOLLOW } from '@cc-executor/runtime';

const { O_APPEND, O_CREAT, O_WRONLY } = constants;
const APPEND = O_APPEND | O_CREAT | O_WRONLY | NO_FOLLOW;

type IndexEntry = {
  readonly executionId: string;
  readonly conversation: string;
  /** Positions in the transcript, in bytes; without `to` the execution is under way, or was lost. */
  readonly from: number;
  readonly to?: number;
  /** Unix time in ms. */
  readonly at: number;
};

export type ExecutionIndex = {
  put(entry: IndexEntry): void;
  get(executionId: string): IndexEntry | undefined;
};

export type IndexLimits = {
  readonly maxEntries: number;
  readonly maxAgeMs: number;
};

/** Opens the index. A file that cannot be read or written is a warning: executions go on without it. */
export function openExecutionIndex(path: string, limits: IndexLimits, logger: Logger): ExecutionIndex {
  const entries = new Map<string, IndexEntry>();
  let lines = 0;

  function remember(entry: IndexEntry): void {
    // The map is in the order of the last change, so that the oldest come first.
    entries.delete(entry.executionId);
    entries.set(entry.executionId, entry);
  }

  function forget(now: number): void {
    for (const [executionId, { at }] of entries) {
      if (entries.size <= limits.maxEntries && now - at <= limits.maxAgeMs) return;
      entries.delete(executionId);
    }
  }

  function write(work: () => void): void {
    try {
      work();
    } catch (err) {
      logger.warn({ err }, 'index of executions not written: after a restart they cannot be verified');
    }
  }

  function compact(): void {
    const next = `${path}.${process.pid}`;
    const text = [...entries.values()].map((entry) => `${JSON.stringify(entry)}\n`).join('');
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Of a process that was killed, and had the same number.
    rmSync(next, { force: true });
    writeFileSync(next, text, { mode: 0o600, flag: 'wx' });
    renameSync(next, path);
    lines = entries.size;
  }

  for (const line of readLines(path)) {
    lines += 1;
    const entry = parseEntry(line);
    if (entry !== undefined) remember(entry);
  }
  forget(Date.now());
  if (lines > entries.size) write(compact);

  return {
    put(entry) {
      remember(entry);
      forget(entry.at);
      write(() => {
        // A few hundred bytes, twice in an execution of seconds: not worth an order of asynchronous writes.
        append(path, `${JSON.stringify(entry)}\n`);
        lines += 1;
        if (lines > 4 * limits.maxEntries) compact();
      });
    },
    get(executionId) {
      forget(Date.now());
      return entries.get(executionId);
    },
  };
}

function append(path: string, line: string): void {
  const file = openSync(path, APPEND, 0o600);
  try {
    writeSync(file, line);
  } finally {
    closeSync(file);
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    // The first start.
    return [];
  }
}

function parseEntry(line: string): IndexEntry | undefined {
  try {
    const entry = JSON.parse(line) as IndexEntry;
    return typeof entry.executionId === 'string' && typeof entry.conversation === 'string'
      ? entry
      : undefined;
  } catch {
    // Half a line of a process that was killed.
    return undefined;
  }
}
