/** Who may call claude-api: over real sockets, with the client that workers use. */
import { createHash } from 'node:crypto';
import { createClaudeApiClient, type UpstreamEvent } from '@cc-executor/claude-api-client';
import { expect, onTestFinished, test } from 'vitest';
import { createDemoEngine } from '../apps/claude-api/src/demo-engine.ts';
import { readConfiguration } from '../apps/claude-api/src/start-check.ts';
import { startApi } from '../apps/claude-api/test/harness.ts';

const TOKEN = 'a-secret-that-is-long-enough';
const SHA256 = createHash('sha256').update(TOKEN).digest('hex');

async function start() {
  const api = await startApi(createDemoEngine(), { tokenSha256: SHA256 });
  const { url } = api;
  function client(token?: string) {
    const made = createClaudeApiClient({ url, token });
    onTestFinished(() => made.close());
    return made;
  }
  return { url, client };
}

test('only callers that know the token run anything, pause, stop, or read transcripts', async () => {
  const { url } = await start();
  const paths = [
    ...['POST /execute/claude-stream', 'POST /execute/stream', 'DELETE /executions/x', 'GET /nothing'],
    ...['GET /workspaces/x/files', 'PUT /workspaces/x/files/y', 'GET /workspaces/x/archive'],
    ...['POST /executions/x/pause', 'POST /executions/x/resume', 'GET /executions/x/transcript'],
  ];
  for (const authorization of [
    ...[undefined, '', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, 'Bearer ', `Bearer ${SHA256}`],
  ]) {
    for (const [method = '', path] of paths.map((each) => each.split(' '))) {
      const headers = new Headers(authorization === undefined ? {} : { authorization });
      const response = await fetch(url + path, { method, headers });
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect(await response.json()).toMatchObject({ error: { code: 'unauthorized' } });
    }
  }
  for (const path of ['/health', '/ready']) expect((await fetch(url + path)).status).toBe(200);
});

test('a worker with the token is served; one without sees in its survey that it would not be', async () => {
  const { client } = await start();
  const end = async (token?: string) => {
    const events: UpstreamEvent[] = [];
    for await (const batch of client(token).execute({ executionId: 'x', question: 'hello', options: {} }))
      events.push(...batch);
    return events.at(-1);
  };
  expect(await end(TOKEN)).toMatchObject({ outcome: { status: 'completed' } });
  expect(await end()).toMatchObject({ outcome: { status: 'failed', httpStatus: 401 } });
  const seen = async (token?: string) => (await client(token).survey(5_000)).addresses[0]?.statusCode;
  expect(await seen(TOKEN)).toBe(200);
  expect(await seen()).toBe(401);
  expect(await seen('another-token-long-enough')).toBe(401);
  expect(await client(TOKEN).transcript('x')).not.toMatchObject({ message: expect.stringContaining('401') });
});

test('an address that others can reach is refused without a token, and named', () => {
  const env = { CLAUDE_ENGINE: 'demo', CLAUDE_API_HOST: '0.0.0.0' };
  expect(() => readConfiguration(env)).toThrow(/CLAUDE_API_TOKEN is not set/);
  expect(() => readConfiguration({ ...env, CLAUDE_API_TOKEN: 'short' })).toThrow(/CLAUDE_API_TOKEN .*secret/);
  expect(readConfiguration({ ...env, CLAUDE_API_TOKEN: TOKEN })).toMatchObject({ claudeApiToken: TOKEN });
});

test('it may know the digest of the token only, but not both', () => {
  const env = { CLAUDE_ENGINE: 'demo', CLAUDE_API_HOST: '0.0.0.0', CLAUDE_API_TOKEN_SHA256: SHA256 };
  expect(readConfiguration(env)).toMatchObject({ claudeApiTokenSha256: SHA256 });
  expect(() => readConfiguration({ ...env, CLAUDE_API_TOKEN_SHA256: TOKEN })).toThrow(/digest.*secret/);
  expect(() => readConfiguration({ ...env, CLAUDE_API_TOKEN: TOKEN })).toThrow(/both set/);
});
