/**
 * How runs of the real Claude Code end and what the terminal event says of it, from the client down to the stand-in for
 * the model's API. A script in the CLI's place gives it what no request may: other arguments, another home.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { useClaudeStack } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';
import { startRefusingTokenEndpoint, type TokenEndpoint } from './support/token-endpoint.ts';

const claude = inject('realClaude');

describe('an ending of the real Claude Code', () => {
  const folder = join(tmpdir(), `cc-executor-scenes-${randomUUID()}`);
  const script = join(folder, 'claude');
  let tokens: TokenEndpoint;

  beforeAll(async () => {
    tokens = await startRefusingTokenEndpoint();
    const expired = join(folder, 'expired');
    await mkdir(expired, { recursive: true });
    await writeFile(join(expired, '.credentials.json'), JSON.stringify({ claudeAiOauth: EXPIRED_LOGIN }));
    await writeFile(join(folder, 'dead.json'), JSON.stringify({ mcpServers: DEAD_SERVERS }));
    const proxied = Object.entries(tokens.env).map(([name, value]) => `${name}='${value}'`);
    await writeFile(
      script,
      `#!/bin/sh
case "$SCENE" in
  homeless) export CLAUDE_CONFIG_DIR=/dev/null/claude; set -- "$@" '--json-schema=${SCHEMA}' ;;
  expired) unset ANTHROPIC_API_KEY; export CLAUDE_CONFIG_DIR='${expired}' ${proxied.join(' ')} ;;
esac
exec '${'bin' in claude ? claude.bin : 'false'}' "$@"
`,
    );
    await chmod(script, 0o755);
  });
  const stack = useClaudeStack('real', {
    // Claude Code asks once more by itself after a refusal.
    script: ({ prompt }) =>
      prompt.includes('stopped by a safety classifier') ? { stopReason: 'refusal', text: 'No.' } : undefined,
    claudeEnv: {
      CLAUDE_TOOLS: 'default',
      CLAUDE_RESTRICTED: 'false',
      CLAUDE_ALLOWED_TOOLS: 'Task',
      CLAUDE_BIN: script,
      CLAUDE_REQUEST_ENV: 'SCENE',
      CLAUDE_MCP_FOLDER: folder,
      // As many as Claude Code makes where nobody bounds them: it would go on for minutes.
      CLAUDE_CODE_MAX_RETRIES: '10',
    },
  });

  afterAll(async () => {
    await tokens.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(
    prompt: string,
    params: object = {},
  ): Promise<{ events: JobEvent[]; end: TerminalEvent }> {
    const { wire, close } = await nativeDoor.connect(stack());
    try {
      const { result } = await wire.request('execute', { prompt, ...params });
      const events = await wire.untilTerminal(result.jobId);
      return { events, end: events.at(-1) as TerminalEvent };
    } finally {
      await close();
    }
  }

  it('with a key that is refused is claude_auth, with advice, at once', async () => {
    const { events, end } = await run('[[status: 401]]');
    expect(end).toMatchObject({
      type: 'failed',
      partial: false,
      error: {
        code: 'claude_auth',
        message: expect.stringMatching(/set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN/),
        retrySafe: true,
      },
    });
    // From its acceptance on, but for the start of Claude Code, which a busy machine makes long.
    const tookMs = end.time - events[0]!.time - end.timings!.startMs!;
    expect(tookMs).toBeLessThan(5_000);
    expect(stack().model.requests.filter(({ prompt }) => prompt === '[[status: 401]]').length).toBeLessThan(
      3,
    );
  });

  it('with an expired login that cannot be renewed is claude_auth, before a model is asked', async () => {
    const asked = stack().model.requests.length;
    const { events, end } = await run('hello', { env: { SCENE: 'expired' } });
    expect(end).toMatchObject({
      type: 'failed',
      partial: false,
      error: { code: 'claude_auth', message: expect.stringContaining('setup-token'), retrySafe: true },
    });
    expect(tokens.requests).toContain('POST /v1/oauth/token');
    // Retried as other errors are, it would take minutes.
    expect(end.time - events.find(({ type }) => type === 'started')!.time).toBeLessThan(10_000);
    expect(stack().model.requests).toHaveLength(asked);
  });

  it('with all tools denied is completed, and names them', async () => {
    const { end } = await run('[[bash: touch one]] [[bash: touch two]] [[text: I may not.]]');
    expect(end).toMatchObject({
      ...{ type: 'completed', text: 'I may not.', stopReason: 'end_turn', turns: 3 },
      permissionDenials: ['touch one', 'touch two'].map((command) => ({ tool: 'Bash', input: { command } })),
    });
  });

  it('with a refusal of the model is claude_refused', async () => {
    const { end } = await run('[[stop: refusal]] [[text: That I will not]]');
    const error = { code: 'claude_refused' };
    expect(end).toMatchObject({ type: 'failed', error, stopReason: 'refusal' });
  });

  it('counts the tokens of a sub-agent, tells whose its tools are, and times what happened', async () => {
    const prompt = '[[tool: Glob {"pattern":"*"}]] [[text: hi]]';
    const task = { description: 'Look', prompt, subagent_type: 'general-purpose', run_in_background: false };
    // The directives of a prompt end where the first of these ends.
    const input = JSON.stringify(task).replaceAll(']]', '\\u005d\\u005d');
    const before = stack().model.requests.length;
    const { events, end } = await run(`[[tool: Task ${input}]] [[text: It said hi.]]`);
    const requests = stack().model.requests.length - before;
    expect(requests).toBe(4);
    expect(end).toMatchObject({ type: 'completed', turns: 2, usage: { input_tokens: 12 * requests } });
    const uses = events.filter(({ type }) => type === 'tool_started') as { toolUseId: string }[];
    const [parent] = uses.map(({ toolUseId }) => toolUseId);
    expect(uses).toMatchObject([{ name: 'Task' }, { name: 'Glob', parent }]);
    expect(uses[0]).not.toHaveProperty('parent');
    const ends = events.filter(({ type }) => type === 'tool_ended');
    expect(ends).toMatchObject([
      { name: 'Glob', parent },
      { name: 'Task', toolUseId: parent },
    ]);
    const [model = ''] = Object.keys(end.models ?? {});
    expect(end.models?.[model]).toMatchObject({ inputTokens: 12 * requests, costUsd: end.costUsd });
    const { queueMs, startMs = 0, firstRequestMs, firstOutputMs = 0, modelMs } = end.timings ?? {};
    expect(startMs).toBeGreaterThan(0);
    expect(firstOutputMs).toBeGreaterThan(startMs);
    for (const duration of [queueMs, firstRequestMs, modelMs]) expect(duration).toBeGreaterThanOrEqual(0);
  });

  it('tells at the start which model, version, tools and MCP servers there are, and which are dead, and counts in a continued conversation what this job took', async () => {
    const { events, end: first } = await run('hello', { mcpConfig: ['dead'] });
    const whole = events.findLast(({ type }) => type === 'started');
    expect(whole).toMatchObject({
      ...{ engine: 'claude', model: expect.stringMatching(/^claude-/), version: expect.stringMatching(/^2/) },
      tools: expect.arrayContaining(['Read']),
      mcpServers: [
        { name: 'gone', status: 'failed' },
        { name: 'closed', status: 'failed' },
      ],
    });
    expect(first).toMatchObject({ type: 'completed' });
    const { end } = await run('hello again', { conversation: first.conversation });
    expect(end).toMatchObject({ type: 'completed', usage: { input_tokens: 12 } });
    expect(end.conversation).toBe(first.conversation);
  });

  it('fails the job that needs its MCP servers, before the model has done anything', async () => {
    const { end } = await run('hello', { mcpConfig: 'dead', onMcpFailure: 'fail' });
    const error = {
      code: 'claude_mcp_failed',
      message: expect.stringMatching(/gone.*closed/),
      retrySafe: true,
    };
    expect(end).toMatchObject({ type: 'failed', error, partial: false });
  });

  it('with a schema carries the object, and offers no conversation where Claude Code could not keep it', async () => {
    const { end } = await run('[[tool: StructuredOutput {"city":"Bern"}]]', { env: { SCENE: 'homeless' } });
    expect(end).toMatchObject({ type: 'completed', structuredOutput: { city: 'Bern' } });
    expect(end).not.toHaveProperty('conversation');
  });

  it.each([
    ['claude_credit', 'Your credit balance is too low to access the Anthropic API.'],
    ['claude_prompt_too_long', 'prompt is too long: 210000 tokens > 200000 maximum'],
  ])('for a reason that the API names is %s, and nothing had begun', async (code, message) => {
    const error = JSON.stringify({ status: 400, type: 'invalid_request_error', message });
    const { events, end } = await run(`[[error: ${error}]]`);
    expect(end).toMatchObject({ type: 'failed', partial: false, error: { code, retrySafe: true } });
    expect(events.map(({ type }) => type)).toContain('notice');
  });
});

const DEAD_SERVERS = {
  gone: { command: '/nowhere/server' },
  closed: { type: 'http', url: 'http://127.0.0.1:9/mcp' },
};

const SCHEMA = JSON.stringify({
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
});

const EXPIRED_LOGIN = {
  accessToken: 'sk-ant-oat01-expired',
  refreshToken: 'sk-ant-ort01-revoked',
  expiresAt: Date.now() - 3_600_000,
  scopes: ['user:inference', 'user:profile'],
  subscriptionType: 'max',
};
