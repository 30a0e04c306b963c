/** Options from the client to Claude Code, and what becomes of a job whose options claude-api does not take. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@cc-executor/client';
import type { ExecuteParams } from '@cc-executor/protocol';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { describeClaudeKinds } from './support/claude.ts';
import { nonce } from './support/nonce.ts';

const workspaces = mkdtempSync(join(tmpdir(), 'cc-executor-workspaces-'));
afterAll(() => rmSync(workspaces, { recursive: true, force: true, maxRetries: 3 }));

const claudeEnv = {
  CLAUDE_MAX_TURNS: '5',
  CLAUDE_MAX_BUDGET_USD: '2',
  CLAUDE_MODELS: 'sonnet,opus',
  CLAUDE_REQUEST_ENV: 'GREETING',
  CLAUDE_WORKSPACES_DIR: workspaces,
};

describeClaudeKinds('options', { claudeEnv }, (_kind, stack) => {
  function connect(): Client {
    const client = createClient({ url: stack().url() });
    onTestFinished(() => client.close());
    return client;
  }

  it('reach Claude Code: the environment its tools, the workspace its folder', async () => {
    const [greeting, workspace] = [`--${nonce()}`, `w${nonce()}`];
    const job = await connect().execute({
      prompt: '[[bash: echo "$GREETING in $(basename "$PWD")"]]',
      env: { GREETING: greeting },
      workspace,
      model: 'opus',
      fallbackModel: 'sonnet',
      effort: 'low',
      maxTurns: 4,
      maxBudgetUsd: 1.5,
    });
    expect(await job.done()).toMatchObject({ type: 'completed' });
    expect(job.answer()).toContain(`${greeting} in ${workspace}`);
  });

  it.each<[string, Partial<ExecuteParams>, string, string]>([
    ['beyond a ceiling', { maxTurns: 6, maxBudgetUsd: 3 }, 'beyond_ceiling', 'CLAUDE_MAX_BUDGET_USD'],
    ['a model that is not offered', { fallbackModel: 'haiku' }, 'beyond_ceiling', 'CLAUDE_MODELS'],
    ['a variable that may not be set', { env: { PATH: '/x' } }, 'beyond_ceiling', 'CLAUDE_REQUEST_ENV'],
    ['a directory elsewhere', { addDirs: ['/etc'] }, 'beyond_ceiling', 'CLAUDE_ADD_DIR_ROOTS'],
    ['an MCP configuration that is not there', { mcpConfig: 'x' }, 'beyond_ceiling', 'CLAUDE_MCP_FOLDER'],
    ['an unknown conversation', { conversation: randomUUID() }, 'conversation_unknown', 'no conversation'],
  ])(
    '%s: the job fails at once, with a code and the words of claude-api',
    async (_, options, code, words) => {
      const job = await connect().execute({ prompt: 'hello', ...options });
      const end = await job.done();
      expect(end).toMatchObject({ type: 'failed', error: { code, retrySafe: true }, partial: false });
      expect(end).toMatchObject({ seq: 2, error: { message: expect.stringContaining(words) } });
    },
  );

  it.each<[string, Partial<ExecuteParams>]>([
    ['an invalid conversation', { conversation: 'last' }],
    ['a workspace that is a path', { workspace: 'a/b' }],
    ['two tools in one', { allowedTools: ['Read,Bash'] }],
  ])('%s: no job begins, and the answer names the option', async (_, options) => {
    const refusal = await connect()
      .execute({ prompt: 'hello', ...options })
      .catch((error: unknown) => error);
    const [name] = Object.keys(options);
    expect(refusal).toMatchObject({ code: 'invalid_params', message: expect.stringContaining(`${name}`) });
  });

  it('a workspace in use is waited for, inside the deadline', async () => {
    const [first, second, workspace] = [connect(), connect(), `w${nonce()}`];
    const release = `until [ -e released ]; do sleep 0.1; done`;
    const holder = await first.execute({ prompt: `[[bash: echo held; ${release}]]`, workspace });
    for await (const event of holder.events()) if (event.type === 'message') break;
    const prompt = `[[text: ${nonce()}]]`;
    const waiting = await second.execute({ prompt, workspace });
    const hurried = await second.execute({ prompt, workspace, timeouts: { totalMs: 4_000 } });
    for await (const event of waiting.events()) if (event.type === 'throttled') break;
    // Told to come back in five seconds, which it does not have.
    expect(await hurried.done()).toMatchObject({
      type: 'failed',
      error: { code: 'upstream_busy', message: expect.stringContaining(workspace), retrySafe: true },
    });
    writeFileSync(join(workspaces, workspace, 'released'), '');
    const events = await Array.fromAsync(waiting.events());
    expect(events.some((event) => event.type === 'throttled' && event.reason === 'upstream_busy')).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'completed' });
  });
});
