/** Keeps what a chaos run saw, so that it can be looked at and checked again (`npm run chaos -- --check FILE`). */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { formatHistory } from '@cc-executor/testing';
import type { ChaosResult } from './run.ts';

const FOLDER = new URL('../../.cache/chaos/', import.meta.url);

/** Writes the history and, beside it, the logs of all services; returns the path of the history. */
export async function saveRun(seed: number, { history, logs }: ChaosResult): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const file = fileURLToPath(new URL(`${seed}.jsonl`, FOLDER));
  await writeFile(file, formatHistory(history));
  const lines = logs.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFile(new URL(`${seed}.log.jsonl`, FOLDER), lines);
  return file;
}
