/** Which Claude Code the tests run, with an npm that only pretends to install. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { chooseClaude } from '../src/index.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cc-executor-real-claude-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'tools/pinned'), { recursive: true });
  const manifest = { dependencies: { '@anthropic-ai/claude-code': '2.1.3' } };
  writeFileSync(join(root, 'tools/pinned/package.json'), JSON.stringify(manifest));
});

const folder = () => join(root, 'tools/pinned');

/** A folder for PATH with one program. */
function program(name: string, script: string): string {
  const place = join(root, `with-${name}`);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(place, name), 0o755);
  return place;
}

/** It takes its time, and writes down that it ran. */
const npm = (version = '2.1.3') =>
  program(
    'npm',
    `PATH=/usr/bin:/bin
[ "$1" = ci ] || exit 1
echo ran >> ../runs
rm -rf node_modules
mkdir -p node_modules/.bin
sleep 0.2
printf '#!/bin/sh\\necho "${version} (Claude Code)"\\n' > node_modules/.bin/claude
chmod +x node_modules/.bin/claude`,
  );

const runs = () => readFileSync(join(root, 'tools/runs'), 'utf8').split('\n').length - 1;

describe('the Claude Code of the tests', () => {
  test('is the one of CLAUDE_BIN, else the one on PATH', async () => {
    const path = program('claude', 'echo "1.2.3 (Claude Code)"');
    const bin = join(path, 'claude');
    expect(await chooseClaude({ path, mayFetch: false })).toEqual({ bin, version: '1.2.3' });
    expect(await chooseClaude({ bin, path: '', mayFetch: true })).toEqual({ bin, version: '1.2.3' });
  });

  test('is fetched where there is none, once, however many runs begin together', async () => {
    const fetched: string[] = [];
    const onFetch = (version: string) => fetched.push(version);
    const choice = { path: npm(), mayFetch: true, folder: folder(), onFetch };
    const expected = { bin: join(folder(), 'node_modules/.bin/claude'), version: '2.1.3' };
    expect(await Promise.all([chooseClaude(choice), chooseClaude(choice)])).toEqual([expected, expected]);
    expect(fetched).toEqual(['2.1.3', '2.1.3']);
    expect(await chooseClaude(choice)).toEqual(expected);
    expect(runs()).toBe(1);
    expect(fetched).toHaveLength(2);
  });

  test('is fetched anew when what is there does not run', async () => {
    mkdirSync(join(folder(), 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(folder(), 'node_modules/.bin/claude'), '');
    expect(await chooseClaude({ path: npm(), mayFetch: true, folder: folder() })).toHaveProperty('bin');
    expect(runs()).toBe(1);
  });

  test('is missing, with the reason, when it may not be fetched or cannot be', async () => {
    const forbidden = await chooseClaude({ path: npm(), mayFetch: false, folder: folder() });
    expect(forbidden).toEqual({ missing: expect.stringContaining('TEST_CLAUDE') });
    const offline = program('npm', 'echo "npm error network is unreachable" >&2; exit 1');
    const failed = await chooseClaude({ path: offline, mayFetch: true, folder: folder() });
    expect(failed).toEqual({ missing: expect.stringContaining('npm error network is unreachable') });
    const broken = await chooseClaude({ bin: '/nowhere/claude', path: '', mayFetch: true });
    expect(broken).toEqual({
      missing: expect.stringContaining('CLAUDE_BIN cannot be run (/nowhere/claude)'),
    });
  });
});
