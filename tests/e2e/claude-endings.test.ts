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
    const proxied = Object.entries(tokens.env).map(([name, value]) => `${name}='${value}'`);
    await writeFile(
      script,
      `#!/bin/sh
case "$SCENE" in
  expired) unset ANTHROPIC_API_KEY; export CLAUDE_CONFIG_DIR='${expired}' ${proxied.join(' ')} ;;
esac
exec '${'bin' in claude ? claude.bin : 'false'}' "$@"
`,
    );
    await chmod(script, 0o755);
  });
  const stack = useClaudeStack('real', {
    claudeEnv: {
      CLAUDE_BIN: script,
      CLAUDE_REQUEST_ENV: 'SCENE',
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
        message: expect.stringContaining('set ANTHROPIC_API_KEY'),
        retrySafe: true,
      },
    });
    const refused = events.find(({ type }) => type === 'throttled');
    expect(events.at(-1)!.time - refused!.time).toBeLessThan(5_000);
    expect(stack().model.requests.filter(({ prompt }) => prompt === '[[status: 401]]').length).toBeLessThan(
      3,
    );
  });

  it('with an expired login that cannot be renewed is claude_auth, before a model is asked', async () => {
    const asked = stack().model.requests.length;
    const { end } = await run('hello', { env: { SCENE: 'expired' } });
    expect(end).toMatchObject({
      type: 'failed',
      partial: false,
      error: { code: 'claude_auth', message: expect.stringContaining('setup-token'), retrySafe: true },
    });
    expect(tokens.requests).toContain('POST /v1/oauth/token');
    expect(stack().model.requests).toHaveLength(asked);
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

const EXPIRED_LOGIN = {
  accessToken: 'sk-ant-oat01-expired',
  refreshToken: 'sk-ant-ort01-revoked',
  expiresAt: Date.now() - 3_600_000,
  scopes: ['user:inference', 'user:profile'],
  subscriptionType: 'max',
};
