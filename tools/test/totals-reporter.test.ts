import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const reporter = fileURLToPath(new URL('../totals-reporter.ts', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

const files = {
  'a.test.js': `
    test('works', () => {});
    test('breaks', () => { throw new Error('no') });
    test.skip('is left out', () => {});
    test('needs more', (context) => context.skip('no redis here'));
    test('needs as much', (context) => context.skip('no redis here'));
    test.todo('later');
    let tries = 0;
    test('works at last', { retry: 1 }, () => { if (++tries === 1) throw new Error('not yet'); });
  `,
  'hook.test.js': `
    describe('a suite', () => {
      beforeAll(() => { throw new Error('no') });
      test('never runs', () => {});
    });
    test('needs more', (context) => context.skip('no redis here'));
  `,
  'load.test.js': `import './absent.js';`,
  'late.test.js': `
    test('leaves something behind', async () => {
      Promise.reject(new Error('forgotten'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
  `,
};

test('the last line is the totals, and nothing that went wrong is missing from them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'totals-'));
  try {
    for (const [name, source] of Object.entries(files)) writeFileSync(join(folder, name), source);
    const args = ['run', '--globals', '--root', folder, '--reporter=default', `--reporter=${reporter}`];
    const result = spawnSync(process.execPath, [vitest, ...args], { encoding: 'utf8' });
    const lines = result.stdout.trimEnd().split('\n');
    const flaky = lines.indexOf('flaky, passed at a second try: a.test.js > works at last');
    expect(lines[flaky + 1]).toBe('  not yet');
    expect(lines).toEqual(
      expect.arrayContaining([
        'skipped 2: no reason given (a.test.js 1, hook.test.js 1)',
        'skipped 3: no redis here (a.test.js 2, hook.test.js 1)',
        'skipped 1: to do (a.test.js 1)',
        'failed outside of a test: hook.test.js > a suite',
        'failed outside of a test: load.test.js',
        'unhandled errors: 1',
      ]),
    );
    expect(lines.at(-1)).toBe('3 passed, 4 failed, 6 skipped');
    expect(result.status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
