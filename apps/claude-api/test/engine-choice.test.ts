import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, createLogger, loadConfig } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { appName, settings } from '../src/config.ts';
import { chooseEngine } from '../src/engine-choice.ts';
import { fakeCli, startApi, temporaryFolder } from './harness.ts';

function choose(env: Record<string, string>) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: appName, level: 'warn', format: 'json', stream });
  const config = loadConfig(appName, settings, { CLAUDE_WORK_DIR: temporaryFolder(), ...env });
  const engine = chooseEngine(config, env, logger);
  return { engine, warnings: lines.join('') };
}

test('auto takes the CLI when there is one', () => {
  const { engine, warnings } = choose({ CLAUDE_BIN: fakeCli() });
  expect(engine.name).toBe('claude');
  expect(warnings).toBe('');
});

test('auto finds the CLI on PATH', () => {
  expect(choose({ PATH: `/nowhere:${join(fakeCli(), '..')}` }).engine.name).toBe('claude');
});

test('auto falls back to the demo, and warns that answers are made up', () => {
  const { engine, warnings } = choose({ PATH: temporaryFolder() });
  expect(engine.name).toBe('demo');
  expect(warnings).toContain('every answer is made up');
});

test('claude stays claude without the CLI, and is not ready', async () => {
  const { engine } = choose({ CLAUDE_ENGINE: 'claude', PATH: temporaryFolder() });
  expect(engine.name).toBe('claude');
  expect(await engine.describe()).toMatchObject({ ok: false });
});

test('executions run below a folder of this user alone, which names the user', () => {
  expect(loadConfig(appName, settings, {}).workDir).toBe(join(tmpdir(), `cc-executor-${process.getuid?.()}`));
  const CLAUDE_WORK_DIR = join(temporaryFolder(), 'work');
  choose({ CLAUDE_BIN: fakeCli(), CLAUDE_WORK_DIR });
  expect(statSync(CLAUDE_WORK_DIR).mode & 0o777).toBe(0o700);
});

test('a link that somebody else may have put in its place is refused, and what to do said', () => {
  const victim = join(temporaryFolder(), 'victim');
  mkdirSync(victim, { mode: 0o700 });
  const CLAUDE_WORK_DIR = join(temporaryFolder(), 'work');
  symlinkSync(victim, CLAUDE_WORK_DIR);
  const start = () => choose({ CLAUDE_BIN: fakeCli(), CLAUDE_WORK_DIR });
  expect(start).toThrow(ConfigError);
  expect(start).toThrow(/work is a link; CLAUDE_WORK_DIR names another folder/);
  expect(readdirSync(victim)).toEqual([]);
});

test('Claude Code inherits no variable that has the credentials of tenants', async () => {
  const { engine } = choose({
    CLAUDE_BIN: fakeCli(),
    CLAUDE_CREDENTIALS: 'env:CLAUDE_TENANTS',
    CLAUDE_TENANTS: JSON.stringify({ acme: { apiKey: 'sk-acme-4711' } }),
    CLAUDE_PASS_ENV: 'CLAUDE_TENANTS',
    HOME: temporaryFolder(),
  });
  const lines = await (await startApi(engine)).lines({ question: 'x', model: 'inspect' });
  expect(JSON.stringify(lines)).toContain('CLAUDE_CODE_TMPDIR');
  expect(JSON.stringify(lines)).not.toContain('4711');
});

test('credentials are named, never shown', async () => {
  const HOME = temporaryFolder();
  const none = await choose({ CLAUDE_BIN: fakeCli(), HOME, ANTHROPIC_API_KEY: '' }).engine.describe();
  // The keychain of macOS cannot be looked into.
  expect(none).toMatchObject({ ok: process.platform === 'darwin', version: '0.0.0' });
  const key = await choose({ CLAUDE_BIN: fakeCli(), HOME, ANTHROPIC_API_KEY: 'sk-secret' }).engine.describe();
  expect(key.ok).toBe(true);
  expect(key.detail).toContain('API key');
  expect(key.detail).not.toContain('sk-secret');
});
