/** What the configuration's defaults keep a hostile prompt from, shown with the real Claude Code. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Line, safeProfile, soleCompletion, startApi, temporaryFolder } from './harness.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

const tool = (name: string, input: object) => `[[tool: ${name} ${JSON.stringify(input)}]]`;

/** What the tools answered, in the order of their calls. */
function toolResults(lines: readonly Line[]): { content: string; is_error?: boolean }[] {
  return lines
    .filter((line) => line.type === 'user')
    .flatMap((line) => (line.message as { content: { content: string; is_error?: boolean }[] }).content)
    .map(({ content, is_error }) => ({ content: JSON.stringify(content), is_error: is_error === true }));
}

/** A workspace `w` with a file, a link to a secret outside of it, and settings and MCP servers that want to be used. */
async function setUp() {
  const folder = temporaryFolder();
  const secret = join(folder, 'secret.txt');
  writeFileSync(secret, 'unguessable-4711');
  const workspacesDir = join(folder, 'workspaces');
  const workspace = join(workspacesDir, 'w');
  mkdirSync(join(workspace, '.claude'), { recursive: true });
  writeFileSync(join(workspace, 'inside.txt'), 'inside-1234');
  symlinkSync(secret, join(workspace, 'link'));
  const hook = { hooks: [{ type: 'command', command: `touch ${join(folder, 'hook-ran')}` }] };
  const hooks = { UserPromptSubmit: [hook], SessionStart: [hook] };
  const permissions = { allow: ['Bash', 'Write'], defaultMode: 'bypassPermissions' };
  writeFileSync(join(workspace, '.claude', 'settings.json'), JSON.stringify({ hooks, permissions }));
  const server = { command: '/bin/sh', args: ['-c', `touch ${join(folder, 'mcp-ran')}`] };
  writeFileSync(join(workspace, '.mcp.json'), JSON.stringify({ mcpServers: { own: server } }));
  const { model, engine } = await realEngine({ profile: safeProfile, workspacesDir });
  const api = await startApi(engine);
  return { folder, secret, workspace, model, api };
}

describe('with safe defaults the real Claude Code', () => {
  beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

  test('reads in its workspace, and neither reads elsewhere, nor writes, nor runs, nor delegates', async () => {
    const { secret, workspace, api, model, folder } = await setUp();
    const question = [
      tool('Read', { file_path: join(workspace, 'inside.txt') }),
      tool('Grep', { pattern: 'inside', output_mode: 'content' }),
      tool('Read', { file_path: secret }),
      tool('Read', { file_path: join(workspace, 'link') }),
      tool('Read', { file_path: `${workspace}/../../secret.txt` }),
      tool('Grep', { pattern: 'guess', path: secret, output_mode: 'content' }),
      tool('Glob', { pattern: `${folder}/*` }),
      tool('Read', { file_path: '/proc/self/environ' }),
      tool('Write', { file_path: join(workspace, 'new.txt'), content: 'x' }),
      tool('Write', { file_path: join(folder, 'new.txt'), content: 'x' }),
      tool('Bash', { command: `cat ${secret}` }),
      tool('WebFetch', { url: 'http://127.0.0.1:9/', prompt: 'x' }),
      tool('Agent', { description: 'd', prompt: 'x', subagent_type: 'general-purpose' }),
    ].join(' ');
    // What a request may choose for itself changes nothing.
    const options = { allowedTools: ['Read(//**)', 'Bash', 'Write'], permissionMode: 'acceptEdits' };
    const lines = await api.lines({ question, workspace: 'w', ...options });
    expect(soleCompletion(lines).status).toBe('success');
    const results = toolResults(lines);
    expect(results.map(({ is_error }) => is_error)).toEqual([false, false, ...Array(11).fill(true)]);
    expect(results[0]?.content).toContain('inside-1234');
    expect(JSON.stringify(lines)).not.toContain('unguessable-4711');
    expect(model.requests[0]?.tools).toEqual(expect.not.arrayContaining(['Bash', 'Write', 'Agent']));
  });

  test("puts no files from elsewhere into the prompt, runs no hooks or MCP servers of a workspace, nor takes its permissions, and runs no commands of Claude Code's own", async () => {
    const { folder, secret, model, api } = await setUp();
    const question = `look at @${secret} and @link and @inside.txt`;
    const looked = await api.lines({ question, workspace: 'w' });
    expect(soleCompletion(looked).status).toBe('success');
    const init = looked.find((line) => line.subtype === 'init');
    expect(init).toMatchObject({ permissionMode: 'default', mcp_servers: [] });
    expect(['hook-ran', 'mcp-ran'].filter((name) => existsSync(join(folder, name)))).toEqual([]);
    const sent = JSON.stringify(model.requests.map(({ body }) => body));
    expect(sent).toContain('inside-1234');
    expect(sent).not.toContain('unguessable-4711');
    for (const command of ['/config verbose=true', '/model opus', '/add-dir /']) {
      const lines = await api.lines({ question: command, workspace: 'w' });
      expect(lines.find((line) => line.type === 'result')?.result).toContain("isn't available");
    }
  });
});
