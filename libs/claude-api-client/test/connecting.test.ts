import { hostname } from 'node:os';
import { freePort, startScriptedUpstream } from '@cc-executor/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClaudeApiClient } from '../src/index.ts';
import { lines, request, run, runScript, startPair } from './running.ts';

describe('connecting to claude-api', () => {
  it('says that nothing listens: which address, from where, what to try; and that nothing was sent', async () => {
    const port = await freePort();
    const client = createClaudeApiClient({ url: `http://127.0.0.1:${port}` });
    const { events, outcome } = await run(client);
    expect(events).toEqual([]);
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_unreachable', sent: false });
    const { message } = outcome as { message: string };
    expect(message).toContain(`127.0.0.1 port ${port}: connection refused (ECONNREFUSED)`);
    expect(message).toContain(`from host ${hostname()}`);
    expect(message).toContain('is the service started');
  });

  it('says that the name is not known', async () => {
    const client = createClaudeApiClient({
      url: 'http://claude-api.invalid:8000',
      lookup: async () => {
        throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
      },
    });
    const { outcome } = await run(client);
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_unreachable', sent: false });
    expect((outcome as { message: string }).message).toContain(
      'the name claude-api.invalid is not known (ENOTFOUND). Is the service up and on the same network',
    );
  });

  it.each<[string, () => Promise<string[]>]>([
    ['the name service does not answer', () => new Promise(() => {})],
    // Reserved for documentation: nobody answers there, or there is no route at all.
    ['the address does not answer', async () => ['192.0.2.1']],
  ])('gives up when %s', async (_what, lookup) => {
    const client = createClaudeApiClient({ url: 'http://claude-api:8000', lookup, connectTimeoutMs: 50 });
    const { outcome } = await run(client);
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_unreachable', sent: false });
  });

  it('skips addresses that refuse, so that any that answers is found', async () => {
    const upstream = await startScriptedUpstream({ steps: [lines.complete()] }, { host: '127.0.0.3' });
    onTestFinished(() => upstream.close());
    const client = createClaudeApiClient({
      url: `http://claude-api:${upstream.port}`,
      lookup: async () => ['127.0.0.1', '127.0.0.2', '127.0.0.3'],
    });
    for (let call = 1; call <= 5; call += 1) {
      expect((await run(client)).outcome.status).toBe('completed');
      expect(upstream.calls).toHaveLength(call);
    }
    expect(upstream.calls[0]?.headers.host).toBe(`claude-api:${upstream.port}`);
  });

  it('names every address when all refuse', async () => {
    const port = await freePort();
    const client = createClaudeApiClient({
      url: `http://claude-api:${port}`,
      lookup: async () => ['127.0.0.1', '127.0.0.2'],
    });
    const { message } = (await run(client)).outcome as { message: string };
    expect(message).toContain('127.0.0.1 port');
    expect(message).toContain('127.0.0.2 port');
  });

  it('spreads calls over all addresses', async () => {
    const one = await startScriptedUpstream({ steps: [lines.complete()] }, { host: '127.0.0.1' });
    const other = await startScriptedUpstream(
      { steps: [lines.complete()] },
      { host: '127.0.0.2', port: one.port },
    );
    onTestFinished(() => Promise.all([one.close(), other.close()]).then(() => {}));
    const client = createClaudeApiClient({
      url: `http://claude-api:${one.port}`,
      lookup: async () => ['127.0.0.1', '127.0.0.2'],
    });
    for (let call = 0; call < 40; call += 1) await run(client);
    // One in 2^39 that all go the same way.
    expect(Math.min(one.calls.length, other.calls.length)).toBeGreaterThan(0);
    expect(one.calls.length + other.calls.length).toBe(40);
  });

  it('sends what claude-api knows, under the path of the URL, and nothing else', async () => {
    const { upstream } = await startPair({ steps: [lines.complete()] });
    const client = createClaudeApiClient({ url: `${upstream.url}/behind/`, path: '/execute/stream' });
    const options = {
      model: 'opus',
      fallbackModel: 'sonnet',
      maxBudgetUsd: 1.5,
      effort: 'low' as const,
      addDirs: ['/srv'],
      mcpConfig: 'files',
      env: { CI: '1' },
      maxTurns: 3,
      allowedTools: ['Read'],
      conversation: 'c1',
      idempotencyKey: 'k',
    };
    for await (const _ of client.execute({ ...request, timeoutMs: 1_234.5, options }));
    expect(upstream.calls[0]).toMatchObject({
      path: '/behind/execute/stream',
      headers: { 'content-type': 'application/json', 'x-keeps-connection': '1' },
    });
    expect(upstream.calls[0]?.body).toEqual({
      question: 'Tell me a thing',
      executionId: 'job_1-1',
      timeoutMs: 1_235,
      model: 'opus',
      fallbackModel: 'sonnet',
      maxBudgetUsd: 1.5,
      effort: 'low',
      addDirs: ['/srv'],
      mcpConfig: 'files',
      env: { CI: '1' },
      maxTurns: 3,
      allowedTools: ['Read'],
      conversation: 'c1',
    });
  });
});

describe('a refusal', () => {
  const refusal = (status: number, headers: Record<string, string> = {}) => ({
    status,
    headers: { 'content-type': 'application/json', ...headers },
    steps: [{ raw: '{"error":  "at capacity"}' }],
  });

  it.each([429, 503, 529])('with %d is upstream_busy, with the wait that was asked for', async (status) => {
    const { client } = await startPair(refusal(status, { 'retry-after': '7' }));
    expect((await run(client)).outcome).toEqual({
      status: 'failed',
      code: 'upstream_busy',
      message: `claude-api answered ${status}: {"error": "at capacity"}`,
      sent: true,
      httpStatus: status,
      retryAfterMs: 7_000,
    });
  });

  it.each([400, 404, 500, 302])('with %d is upstream_http_error', async (status) => {
    const { client } = await startPair(refusal(status, { 'retry-after': '7' }));
    const { outcome } = await run(client);
    expect(outcome).toMatchObject({
      status: 'failed',
      code: 'upstream_http_error',
      httpStatus: status,
      sent: true,
    });
    expect(outcome).not.toHaveProperty('retryAfterMs');
  });

  it.each([
    [400, 'invalid_request', 'options_invalid'],
    [403, 'beyond_ceiling', 'beyond_ceiling'],
    [403, 'tool_options_refused', 'tool_options_refused'],
    [403, 'workspaces_off', 'workspaces_off'],
    [400, 'workspace_invalid', 'workspace_invalid'],
    [404, 'conversation_unknown', 'conversation_unknown'],
    [400, 'conversation_elsewhere', 'conversation_elsewhere'],
    [404, 'not_found', 'upstream_http_error'],
    [409, 'duplicate_execution', 'upstream_http_error'],
  ])('with %d and the code %s is %s, in the words of claude-api', async (status, code, expected) => {
    const steps = [{ raw: JSON.stringify({ error: { code, message: 'for this reason' } }) }];
    const { outcome } = await runScript({ status, steps });
    expect(outcome).toEqual({
      status: 'failed',
      code: expected,
      message: `claude-api answered ${status}: for this reason`,
      sent: true,
      httpStatus: status,
    });
  });

  it('of what is in use is upstream_busy, with the wait that was asked for', async () => {
    const { outcome } = await runScript({
      status: 409,
      headers: { 'retry-after': '5' },
      steps: [{ raw: '{"error":{"code":"workspace_busy","message":"in use"}}' }],
    });
    expect(outcome).toMatchObject({
      code: 'upstream_busy',
      retryAfterMs: 5_000,
      message: expect.stringContaining('in use'),
    });
  });

  it('that is long is read as far as it matters', async () => {
    const message = 'x'.repeat(20_000);
    const { outcome } = await runScript({
      status: 400,
      steps: [{ raw: JSON.stringify({ error: { code: 'invalid_request', message } }) }],
    });
    expect(outcome).toMatchObject({ code: 'options_invalid' });
    expect((outcome as { message: string }).message.length).toBeLessThan(2_100);
  });

  it('with an endless or a broken body ends all the same', async () => {
    const { upstream, client } = await startPair({
      status: 500,
      steps: [{ raw: 'x'.repeat(100_000) }, { hang: true }],
    });
    const { outcome } = await run(client);
    expect(outcome).toMatchObject({ code: 'upstream_http_error' });
    expect((outcome as { message: string }).message.length).toBeLessThan(400);
    expect(await upstream.calls[0]?.closed).toBe('caller');
    upstream.use({ status: 503, steps: [{ raw: 'going' }, { reset: true }] });
    expect((await run(client)).outcome).toMatchObject({ code: 'upstream_busy' });
  });
});
