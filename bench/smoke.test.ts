/** The benchmark works: every case runs on the real systems, finds nothing broken, and has its goals judged. No figure counts. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { cases } from './cases/index.ts';
import type { Report } from './report.ts';

/** Ten systems are started for it, one after another. */
const LIMIT_MS = 180_000;

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

it('runs every case, tiny, and reports it', { timeout: LIMIT_MS }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-bench-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'report.json');
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, '--smoke', '--json', file]);
  const report = JSON.parse(await readFile(file, 'utf8')) as Report;
  expect(report.faults).toEqual([]);
  expect(report.cases.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  expect(report.machine.cores).toBeGreaterThan(0);
  for (const { name, tables, goals } of report.cases) {
    expect(tables.length, name).toBeGreaterThan(0);
    for (const { what } of goals) expect(stdout).toContain(what);
    if (process.platform === 'linux')
      expect(goals.filter(({ verdict }) => verdict === 'not measured')).toEqual([]);
  }
  expect(stdout).toContain('this was a smoke run');
});
