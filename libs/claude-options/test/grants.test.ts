/** What an operator can leave to requests, and what not. */
import { readFileSync } from 'node:fs';
import { loadConfig } from '@cc-executor/runtime';
import { findClaudeTypes } from '@cc-executor/testing';
import { describe, expect, test } from 'vitest';
import { grantSettings } from '../src/grant-settings.ts';
import { findUngranted, grantableSettings } from '../src/grants.ts';

const none = { allowSystemPrompt: false, requestSettings: [], sources: [] };
const load = (env: Record<string, string>) => loadConfig('test', grantSettings, env);

test('without a word of the operator nothing is granted; a request that asks for nothing passes', () => {
  expect(load({})).toEqual(none);
  expect(findUngranted({}, none)).toEqual([]);
  expect(findUngranted({ settings: {} }, none)).toEqual([]);
  const ceilings = findUngranted({ systemPrompt: 'x', settings: { language: 'german' } }, none);
  expect(ceilings.map(([ceiling]) => ceiling)).toEqual([
    'CLAUDE_ALLOW_SYSTEM_PROMPT',
    'CLAUDE_REQUEST_SETTINGS',
  ]);
});

test('what the operator names is granted, and nothing beside it', () => {
  const grants = load({ CLAUDE_ALLOW_SYSTEM_PROMPT: 'yes', CLAUDE_REQUEST_SETTINGS: 'language, timeZone' });
  const settings = { language: 'german', timeZone: 'Europe/Zurich' };
  expect(findUngranted({ systemPrompt: 'x', settings }, grants)).toEqual([]);
  const [[, message] = []] = findUngranted({ settings: { ...settings, outputStyle: 'x' } }, grants);
  expect(message).toBe('requests may not set outputStyle');
});

test('a refusal names a few settings, and cuts their names', () => {
  const settings = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`${n}${'x'.repeat(500)}`, n]));
  const [[, message = ''] = []] = findUngranted({ settings }, none);
  expect(message).toMatch(/ and 490 more$/);
  expect(message.length).toBeLessThan(800);
});

describe('what runs programs, loosens permissions, leads elsewhere or reaches past a ceiling', () => {
  const harmful = [
    ...['hooks', 'apiKeyHelper', 'statusLine', 'processWrapper', 'awsAuthRefresh', 'otelHeadersHelper'],
    ...['permissions', 'sandbox', 'disableAllHooks', 'env', 'model', 'modelOverrides', 'fallbackModel'],
    ...['enabledPlugins', 'extraKnownMarketplaces', 'enableAllProjectMcpServers', 'forceLoginMethod'],
    ...['cleanupPeriodDays', 'autoMemoryDirectory', '__proto__', 'constructor'],
  ];

  test.each(harmful)('%s cannot be granted, nor is it when it seems to be', (name) => {
    expect(() => load({ CLAUDE_REQUEST_SETTINGS: name })).toThrow('names a setting that no request may make');
    const settings = JSON.parse(`{"${name}": {}}`) as Record<string, unknown>;
    const grants = { allowSystemPrompt: true, requestSettings: [name], sources: [] };
    expect(findUngranted({ settings }, grants)).toHaveLength(1);
  });
});

test('what can be granted are settings that Claude Code knows', { timeout: 150_000 }, async ({ skip }) => {
  const types = await findClaudeTypes(process.env.TEST_CLAUDE !== 'off');
  if ('missing' in types) return skip(types.missing);
  const text = readFileSync(types.file, 'utf8');
  const declared = text.slice(text.indexOf('export declare interface Settings {'));
  for (const name of grantableSettings) expect(declared).toMatch(new RegExp(`^    ${name}\\?: `, 'm'));
});
