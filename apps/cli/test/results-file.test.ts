import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openResults } from '../src/results-file.ts';

/** The files that this process has open. */
function openFiles(): string[] {
  const folder = '/proc/self/fd';
  return readdirSync(folder).flatMap((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      // That of the folder itself.
      return [];
    }
  });
}

test('a file of anything else than results is not kept open', async ({ skip }) => {
  if (process.platform !== 'linux') skip('what a process has open is read from /proc');
  const folder = mkdtempSync(join(tmpdir(), 'cc-executor-results-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [results, other] = [join(folder, 'results.jsonl'), join(folder, 'other.jsonl')];
  const opened = await openResults(results);
  expect(openFiles()).toContain(results);
  await opened.close();
  writeFileSync(other, '{"prompt":"hello"}\n');
  await expect(openResults(other)).rejects.toThrow('other things than results');
  expect(openFiles()).not.toContain(other);
});
