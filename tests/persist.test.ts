/** What image builds run of what needs a network: again, where it fails. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const PERSIST = fileURLToPath(new URL('../deploy/image/persist.sh', import.meta.url));

/** Ends with 3 until it has been run so often; says how often, and what it was given. */
async function failUntil(run: number) {
  const folder = await mkdtemp(join(tmpdir(), 'persist-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const script = `echo "$1" >> runs; [ "$(wc -l < runs)" -ge ${run} ] || exit 3`;
  const ended = promisify(execFile)('sh', [PERSIST, 'sh', '-c', script, 'it', 'two words'], { cwd: folder });
  const { stderr } = await ended;
  return { stderr, runs: (await readFile(join(folder, 'runs'), 'utf8')).split('\n').slice(0, -1) };
}

test('what works is run once', async () => {
  expect(await failUntil(1)).toEqual({ stderr: '', runs: ['two words'] });
});

test('what fails is said, and run again as it was', async () => {
  const { stderr, runs } = await failUntil(2);
  expect(stderr).toBe('sh ended with 3; again in 1 s\n');
  expect(runs).toEqual(['two words', 'two words']);
});
