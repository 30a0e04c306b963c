/** Which login is found, what is passed on to Claude Code, and what is said when there is none. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Credentials, Environment } from '../src/cli-environment.ts';
import { findLogin } from '../src/cli-login.ts';
import { bestContainment, claudeEngine, soleCompletion, startApi, temporaryFolder } from './harness.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

const none: Credentials = {
  apiKey: undefined,
  authToken: undefined,
  oauthToken: undefined,
  baseUrl: undefined,
};

function found(
  credentials: Partial<Credentials>,
  env: Environment = {},
  files: Record<string, unknown> = {},
) {
  const HOME = temporaryFolder();
  mkdirSync(join(HOME, '.claude'));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(HOME, '.claude', name), JSON.stringify(content));
  }
  return findLogin({ HOME, ...env }, { ...none, ...credentials }, false);
}

describe.runIf(process.platform !== 'darwin')('what is found', () => {
  const login = (fields: object) => ({
    '.credentials.json': { claudeAiOauth: { accessToken: 'x', ...fields } },
  });

  const cases: [name: string, ...given: Parameters<typeof found>][] = [
    ['API key', { apiKey: 'sk-secret' }],
    ['auth token', { authToken: 'secret' }],
    ['OAuth token', { oauthToken: 'secret' }],
    ['login in the home folder', { apiKey: '' }, {}, login({ expiresAt: Date.now() + 60_000 })],
    ['login in the home folder', {}, {}, login({ expiresAt: 0, refreshToken: 'r' })],
    ['API key helper', {}, {}, { 'settings.json': { apiKeyHelper: '/bin/key' } }],
    ['cloud provider (bedrock)', {}, { CLAUDE_CODE_USE_BEDROCK: '1' }],
    ['cloud provider (vertex)', {}, { CLAUDE_CODE_USE_VERTEX: 'true' }],
  ];
  test.each(cases)('%s', (name, ...given) => {
    expect(found(...given).found).toEqual([name]);
  });

  test('nothing, an empty key, a provider that is switched off, an expired login', () => {
    expect(found({}).found).toEqual([]);
    expect(found({ apiKey: '' }, { CLAUDE_CODE_USE_BEDROCK: '0' }).found).toEqual([]);
    expect(found({}).fault).toContain('set ANTHROPIC_API_KEY');
    const expired = found({}, {}, login({ expiresAt: 1_000 }));
    expect(expired.found).toEqual([]);
    expect(expired.fault).toContain('has expired');
  });

  test('a key helper does not count where settings are ignored', () => {
    const HOME = temporaryFolder();
    mkdirSync(join(HOME, '.claude'));
    writeFileSync(join(HOME, '.claude', 'settings.json'), '{"apiKeyHelper":"/bin/key"}');
    expect(findLogin({ HOME }, none, true).found).toEqual([]);
  });
});

test('/ready says which, and shows none', async () => {
  const engine = claudeEngine({
    credentials: { ...none, apiKey: 'sk-secret', baseUrl: 'http://secret.host' },
  });
  const api = await startApi(engine);
  const text = await (await fetch(`${api.url}/ready`)).text();
  const { kind, gaps } = bestContainment();
  expect(JSON.parse(text).checks.engine.data).toEqual({
    engine: 'claude',
    load: { running: 0, paused: 0, limit: expect.any(Number) },
    containment: kind,
    keyInReach: true,
    version: '0.0.0',
    login: ['API key'],
    ...(gaps.length > 0 && { sandboxGaps: expect.arrayContaining([...gaps]) }),
  });
  expect(text).not.toContain('secret');
});

test('variables of cloud providers and gateways reach Claude Code', async () => {
  const given = {
    CLAUDE_CODE_USE_BEDROCK: '1',
    AWS_REGION: 'eu-central-1',
    AWS_BEARER_TOKEN_BEDROCK: 'b',
    CLOUD_ML_REGION: 'us-east5',
    ANTHROPIC_VERTEX_PROJECT_ID: 'p',
    ANTHROPIC_CUSTOM_HEADERS: 'x-team: a',
    HTTPS_PROXY: 'http://proxy:1',
  };
  const credentials = { ...none, oauthToken: 'o', authToken: 'a' };
  const engine = claudeEngine({ environment: { PATH: process.env.PATH, ...given }, credentials });
  const api = await startApi(engine);
  const lines = await api.lines({ question: 'hello', model: 'inspect' });
  const { env } = JSON.parse(lines.find((line) => line.type === 'result')?.result as string);
  expect(env).toMatchObject({ ...given, CLAUDE_CODE_OAUTH_TOKEN: 'o', ANTHROPIC_AUTH_TOKEN: 'a' });
});

describe('the real Claude Code', () => {
  beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

  test('without a login fails with what to do, before it asks a model', async () => {
    const { model, engine } = await realEngine({ credentials: none });
    const api = await startApi(engine);
    const error = { code: 'claude_auth', message: expect.stringContaining('set ANTHROPIC_API_KEY') };
    expect(soleCompletion(await api.lines({ question: 'hello' }))).toMatchObject({ error });
    expect(model.requests).toEqual([]);
  });

  test('works with a login that is stored in the home folder, though its own configuration folder has none', async () => {
    const { model, home, engine } = await realEngine({ credentials: none });
    mkdirSync(join(home, '.claude'));
    const login = {
      accessToken: 'sk-ant-oat01-stored',
      refreshToken: 'r',
      expiresAt: Date.now() + 86_400_000,
    };
    const claudeAiOauth = { ...login, scopes: ['user:inference', 'user:profile'], subscriptionType: 'max' };
    writeFileSync(join(home, '.claude', '.credentials.json'), JSON.stringify({ claudeAiOauth }));
    const api = await startApi(engine);
    expect(soleCompletion(await api.lines({ question: 'hello' })).error).toBeUndefined();
    expect(model.requests.length).toBeGreaterThan(0);
  });
});
