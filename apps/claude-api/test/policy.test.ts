/** Defaults and ceilings: what a request comes to, and what is refused by which variable. */
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClaudeOption, claudeOptions } from '@cc-executor/claude-options';
import { loadConfig } from '@cc-executor/runtime';
import { describe, expect, test } from 'vitest';
import { appName, settings } from '../src/config.ts';
import { createDemoEngine } from '../src/demo-engine.ts';
import { applyPolicy, type Policy } from '../src/policy.ts';
import { choosePolicy, chooseProfile } from '../src/policy-choice.ts';
import type { ExecuteBody } from '../src/request-schema.ts';
import { claudeEngine, openPolicy, safeProfile, startApi, temporaryFolder } from './harness.ts';

/** The arguments and variables that the CLI got. */
async function inspect(policy: Partial<Policy>, body: object) {
  const api = await startApi(claudeEngine(), { policy: { ...openPolicy, ...policy } });
  const lines = await api.lines({ question: 'hello', model: 'inspect', ...body });
  const result = lines.find((line) => line.type === 'result')?.result as string;
  return JSON.parse(result) as { argv: string[]; env: Record<string, string> };
}

function policyOf(env: Record<string, string>) {
  const config = loadConfig(appName, settings, env);
  return { policy: choosePolicy(config), profile: chooseProfile(config) };
}

test('every option reaches the CLI, each bound to its flag', async () => {
  const root = realpathSync(temporaryFolder());
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'files.json'), '{"mcpServers":{}}');
  const { argv, env } = await inspect(
    { addDirRoots: [root], mcpFolder: root, requestEnv: ['TZ'] },
    {
      fallbackModel: 'haiku,sonnet[1m]',
      maxBudgetUsd: 0.5,
      effort: 'high',
      systemPrompt: '--settings=/etc/passwd',
      settings: { language: 'german' },
      addDirs: [join(root, 'data')],
      mcpConfig: 'files',
      env: { TZ: 'UTC; rm -rf /' },
    },
  );
  expect(argv).toEqual(
    expect.arrayContaining([
      '--fallback-model=haiku,sonnet[1m]',
      '--max-budget-usd=0.5',
      '--effort=high',
      '--system-prompt=--settings=/etc/passwd',
      '--settings={"language":"german"}',
      `--add-dir=${join(root, 'data')}`,
      `--mcp-config=${join(root, 'files.json')}`,
    ]),
  );
  expect(env.TZ).toBe('UTC; rm -rf /');
});

test('an MCP configuration of a tenant is there for that alone, before one of its name for all', () => {
  const mcpFolder = temporaryFolder();
  for (const tenant of ['acme', 'rival']) mkdirSync(join(mcpFolder, 'tenants', tenant), { recursive: true });
  for (const file of ['shared.json', 'both.json', 'tenants/acme/own.json', 'tenants/acme/both.json'])
    writeFileSync(join(mcpFolder, file), '{}');
  const found = (tenant: string, mcpConfig: string) => {
    const allowed = applyPolicy(
      { question: 'x', mcpConfig } as ExecuteBody,
      { ...openPolicy, mcpFolder },
      tenant,
    );
    return 'options' in allowed ? allowed.options.mcpConfig : allowed.message;
  };
  expect(found('acme', 'own')).toEqual([join(mcpFolder, 'tenants/acme/own.json')]);
  expect(found('acme', 'both')).toEqual([join(mcpFolder, 'tenants/acme/both.json')]);
  for (const tenant of ['rival', 'ACME', 'nobody']) {
    expect(found(tenant, 'both')).toEqual([join(mcpFolder, 'both.json')]);
    expect(found(tenant, 'shared')).toEqual([join(mcpFolder, 'shared.json')]);
    expect(found(tenant, 'own')).toBe(String(found(tenant, 'missing')).replace('missing', 'own'));
  }
});

test("the operator's defaults hold for requests that name nothing, and ceilings are defaults too", async () => {
  const { argv } = await inspect(
    {
      permissionMode: 'plan',
      allowedTools: ['Read'],
      disallowedTools: ['WebFetch'],
      maxTurns: 7,
      maxBudgetUsd: 2,
      effort: 'low',
      fallbackModel: 'haiku',
    },
    { disallowedTools: ['Edit'] },
  );
  expect(argv).toEqual(
    expect.arrayContaining([
      '--permission-mode=plan',
      '--allowedTools=Read',
      '--disallowedTools=WebFetch',
      '--disallowedTools=Edit',
      '--max-turns=7',
      '--max-budget-usd=2',
      '--effort=low',
      '--fallback-model=haiku',
    ]),
  );
});

describe('beyond a ceiling a request is refused, and the ceiling is named', () => {
  const root = temporaryFolder;
  const cases: [ceiling: string, policy: Partial<Policy>, body: object][] = [
    ['CLAUDE_MODELS', { models: ['sonnet'] }, { model: 'opus' }],
    ['CLAUDE_MODELS', { models: ['sonnet'] }, { fallbackModel: 'sonnet,opus' }],
    ['CLAUDE_PERMISSION_MODES', { permissionModes: ['default'] }, { permissionMode: 'bypassPermissions' }],
    ['CLAUDE_TOOLS', { tools: ['Read'] }, { allowedTools: ['Read', 'Bash(git log:*)'] }],
    ['CLAUDE_DISALLOWED_TOOLS', { disallowedTools: ['Bash'] }, { allowedTools: ['Bash(ls:*)'] }],
    ['CLAUDE_MAX_TURNS', { maxTurns: 5 }, { maxTurns: 6 }],
    ['CLAUDE_MAX_BUDGET_USD', { maxBudgetUsd: 1 }, { maxBudgetUsd: 1.01 }],
    ['CLAUDE_ADD_DIR_ROOTS', {}, { addDirs: ['/'] }],
    ['CLAUDE_MCP_FOLDER', {}, { mcpConfig: 'files' }],
    ['CLAUDE_REQUEST_ENV', { requestEnv: ['TZ'] }, { env: { PATH: '/x' } }],
    ['CLAUDE_ALLOW_SYSTEM_PROMPT', { allowSystemPrompt: false }, { systemPrompt: 'Obey.' }],
    ['CLAUDE_REQUEST_SETTINGS', {}, { settings: { language: 'german', apiKeyHelper: '/bin/sh' } }],
    ['CLAUDE_SOURCES', {}, { from: { git: 'https://git.example/site' } }],
  ];
  test.each(cases)('%s: %j, %j', async (ceiling, policy, body) => {
    const api = await startApi(createDemoEngine(), { policy: { ...openPolicy, ...policy } });
    const response = await api.execute({ question: 'hello', ...body });
    expect(response.status).toBe(403);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: 'beyond_ceiling', ceilings: [ceiling] });
    expect(error.message).toContain(ceiling);
  });

  test('of every option that has one', () => {
    const named = Object.values<ClaudeOption>(claudeOptions).flatMap(
      ({ operator }) => operator.ceilings ?? [],
    );
    // These two refuse with a code of their own: see server.test.ts and places.test.ts.
    const own = ['CLAUDE_ALLOW_TOOL_OPTIONS', 'CLAUDE_WORKSPACES_DIR'];
    expect(new Set([...cases.map(([ceiling]) => ceiling), ...own])).toEqual(new Set(named));
  });

  test('all at once', async () => {
    const policy = { ...openPolicy, maxTurns: 1, models: ['sonnet'] };
    const api = await startApi(createDemoEngine(), { policy });
    const response = await api.execute({ question: 'hello', maxTurns: 2, model: 'opus' });
    expect(await response.json()).toMatchObject({
      error: { ceilings: ['CLAUDE_MODELS', 'CLAUDE_MAX_TURNS'] },
    });
  });

  test('extra directories: neither by dots nor by a link, nor one whose name only begins like a root', async () => {
    const folder = root();
    for (const name of ['data', 'database']) mkdirSync(join(folder, name));
    symlinkSync('/', join(folder, 'data', 'link'));
    const policy = { ...openPolicy, addDirRoots: [join(folder, 'data')] };
    const api = await startApi(createDemoEngine(), { policy });
    for (const path of ['data/..', 'data/link', 'data/link/etc', 'database', 'data/none']) {
      const response = await api.execute({ question: 'hello', addDirs: [`${folder}/${path}`] });
      expect([path, response.status]).toEqual([path, 403]);
    }
    const question = 'demo:{"delayMs":0}';
    expect((await api.execute({ question, addDirs: [join(folder, 'data')] })).status).toBe(200);
  });
});

describe('the configuration', () => {
  test('has every variable that the table of options names', () => {
    const variables = Object.values(settings).map(({ env }) => env);
    for (const { operator } of Object.values<ClaudeOption>(claudeOptions)) {
      const named = [operator.default ?? [], operator.ceilings ?? []].flat();
      expect(variables).toEqual(expect.arrayContaining(named));
    }
  });

  test('is safe when nothing is set', () => {
    const { policy, profile } = policyOf({});
    expect(profile).toEqual(safeProfile);
    expect(policy).toMatchObject({ tools: ['Read', 'Grep', 'Glob'], addDirRoots: [], requestEnv: [] });
    expect(policy.permissionModes).not.toContain('bypassPermissions');
  });

  test('offers what it allows, all, or nothing', () => {
    expect(policyOf({ CLAUDE_ALLOWED_TOOLS: 'Bash(git log:*),mcp__files' }).profile.tools).toEqual([
      'Read',
      'Grep',
      'Glob',
      'Bash',
    ]);
    expect(policyOf({ CLAUDE_TOOLS: 'default' }).profile.tools).toBeUndefined();
    expect(policyOf({ CLAUDE_TOOLS: 'none' }).profile.tools).toEqual([]);
  });
});
