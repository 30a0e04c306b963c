/** The proxy between Claude Code and the model: what passes it, what does not, and how it breaks. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import type { Credentials, Environment } from '../src/cli-environment.ts';
import { findContainment } from '../src/containment.ts';
import { isForProxy, whyInReach } from '../src/key-reach.ts';
import { startModelProxy } from '../src/model-proxy.ts';
import { silentLogger } from './harness.ts';

const none = { apiKey: undefined, authToken: undefined, oauthToken: undefined, baseUrl: undefined };

/** An API of the model's, and the proxy before it. */
async function startPair(
  listener: RequestListener,
  credentials: Partial<Credentials> = { apiKey: 'sk-real' },
  environment: Environment = {},
) {
  const requests: IncomingMessage[] = [];
  const server = createServer((asked, response) => {
    requests.push(asked);
    listener(asked, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
  const proxy = await startModelProxy({
    credentials: { ...none, ...credentials },
    baseUrl,
    environment,
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });
  const access = proxy.admit()!;
  const { ANTHROPIC_API_KEY: ticket = '', ANTHROPIC_BASE_URL: url = '' } = access.env;
  const ask = (headers: Record<string, string> = { 'x-api-key': ticket }, init: RequestInit = {}) =>
    fetch(`${url}/v1/messages?beta=true`, { method: 'POST', body: '{"prompt":"hi"}', headers, ...init });
  return { server, proxy, access, requests, ask };
}

test('it puts the key in the place of the ticket, adds the further headers, and passes the rest on', async () => {
  const { access, requests, ask } = await startPair(
    async (request, response) => {
      response.writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' });
      response.end(await text(request));
    },
    { apiKey: 'sk-real' },
    { ANTHROPIC_CUSTOM_HEADERS: 'X-Team: a:b\n x-more :c' },
  );
  expect(access.env.ANTHROPIC_CUSTOM_HEADERS).toBeUndefined();
  expect(JSON.stringify(access.env)).not.toContain('sk-real');
  const answer = await ask({ 'x-api-key': access.env.ANTHROPIC_API_KEY!, 'anthropic-beta': 'one' });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
  expect(await answer.text()).toBe('{"prompt":"hi"}');
  expect(requests[0]?.url).toBe('/base/v1/messages?beta=true');
  expect(requests[0]?.headers).toMatchObject({
    ...{ 'x-api-key': 'sk-real', 'x-team': 'a:b', 'x-more': 'c', 'anthropic-beta': 'one' },
  });
  expect(requests[0]?.headers).not.toHaveProperty('authorization');
});

test.each([
  [{ authToken: 'real' }, 'ANTHROPIC_AUTH_TOKEN'],
  [{ oauthToken: 'real' }, 'CLAUDE_CODE_OAUTH_TOKEN'],
])('it does so for a bearer token: %o', async (credentials, variable) => {
  const { access, requests, ask } = await startPair((_request, response) => response.end(), credentials);
  expect(access.env.ANTHROPIC_API_KEY).toBeUndefined();
  await ask({ authorization: `Bearer ${access.env[variable]}` });
  expect(requests[0]?.headers.authorization).toBe('Bearer real');
});

test('without a ticket of a run that goes on nothing passes', async () => {
  const { proxy, access, requests, ask } = await startPair((_request, response) => response.end());
  const ticket = access.env.ANTHROPIC_API_KEY!;
  const other = proxy.admit()!;
  for (const headers of [
    {},
    { 'x-api-key': 'sk-real' },
    { 'x-api-key': ticket, authorization: 'Bearer nonsense' },
  ]) {
    expect((await ask(headers as Record<string, string>)).status).toBe(401);
  }
  access.withdraw();
  expect((await ask()).status).toBe(401);
  expect(requests).toEqual([]);
  expect((await ask({ 'x-api-key': other.env.ANTHROPIC_API_KEY! })).status).toBe(200);
});

test('a ticket stands for the credentials that its run has, and for no others', async () => {
  const { proxy, requests, ask } = await startPair((_request, response) => response.end());
  const byBearer = proxy.admit({ ...none, authToken: 'of-acme' })!;
  const { ANTHROPIC_AUTH_TOKEN: ticket = '' } = byBearer.env;
  // Nor does what stands for nothing end the service.
  expect((await ask({ 'x-api-key': ticket })).status).toBe(401);
  expect((await ask({ 'x-api-key': ticket, authorization: `Bearer ${ticket}` })).status).toBe(401);
  expect((await ask()).status).toBe(200);
  expect((await ask({ authorization: `Bearer ${ticket}` })).status).toBe(200);
  expect(requests.map(({ headers }) => [headers['x-api-key'], headers.authorization])).toEqual([
    ['sk-real', undefined],
    [undefined, 'Bearer of-acme'],
  ]);
});

test("a tenant's own go where it says, without what is meant for the service's address, past its cloud provider", async () => {
  const [home, away] = [
    await startPair((_request, response) => response.end(), undefined, {
      ANTHROPIC_CUSTOM_HEADERS: 'x-gate: of-the-service',
      CLAUDE_CODE_USE_BEDROCK: '1',
    }),
    await startPair((_request, response) => response.end()),
  ];
  const { port } = away.server.address() as AddressInfo;
  const keyOf = (baseUrl?: string) => home.proxy.admit({ ...none, apiKey: 'own', baseUrl })!.env;
  const [here, there] = [keyOf(), keyOf(`http://127.0.0.1:${port}/theirs`)];
  expect(here).toMatchObject({ CLAUDE_CODE_USE_BEDROCK: undefined });
  for (const { ANTHROPIC_API_KEY: ticket = '' } of [here, there]) await home.ask({ 'x-api-key': ticket });
  expect(home.requests).toHaveLength(1);
  expect(home.requests[0]?.headers).toMatchObject({ 'x-api-key': 'own', 'x-gate': 'of-the-service' });
  expect(away.requests).toHaveLength(1);
  expect(away.requests[0]?.url).toBe('/theirs/v1/messages?beta=true');
  expect(away.requests[0]?.headers).toMatchObject({ 'x-api-key': 'own' });
  expect(away.requests[0]?.headers).not.toHaveProperty('x-gate');
});

test('no request leads to another host', async () => {
  const { access, requests } = await startPair((_request, response) => response.end());
  for (const path of ['x://evil.example/', 'http://evil.example/v1/messages']) {
    const { ANTHROPIC_BASE_URL: url = '', ANTHROPIC_API_KEY: ticket = '' } = access.env;
    const sent = request(url, { path, headers: { 'x-api-key': ticket } });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(401);
  }
  expect(requests).toEqual([]);
});

test('an answer passes as it comes, and one that breaks off breaks off', async () => {
  const { promise: isRead, resolve: read } = Promise.withResolvers<void>();
  const { ask } = await startPair(async (_request, response) => {
    response.write('first');
    await isRead;
    response.destroy();
  });
  const reader = (await ask()).body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe('first');
  read();
  await expect(reader.read()).rejects.toThrow();
});

test('a caller that goes away takes its request to the model along', async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const { ask } = await startPair((_request, response) => {
    response.once('close', resolve);
    response.write('first');
  });
  const caller = new AbortController();
  await ask(undefined, { signal: caller.signal });
  caller.abort();
  await gone;
});

test('a model that cannot be reached is an error that says so, and of the kind that is tried again', async () => {
  const { server, ask } = await startPair(() => {});
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const answer = await ask();
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({
    error: { type: 'api_error', message: expect.stringContaining('ECONNREFUSED') },
  });
});

test('Claude Code takes no other proxy on its way to this one', async () => {
  const environment = { HTTP_PROXY: 'http://127.0.0.1:9', no_proxy: 'localhost,127.0.0.1' };
  const { access, ask } = await startPair((_request, response) => response.end(), undefined, environment);
  expect(access.env.no_proxy).toBe('localhost,127.0.0.1,127.0.0.1');
  expect((await ask()).status).toBe(200);
});

test('what it could not serve stays away from it, and what it cannot hide is said', () => {
  expect(isForProxy(['API key', 'login in the home folder'])).toBe(true);
  expect(isForProxy(['login in the home folder'])).toBe(false);
  expect(isForProxy(['auth token', 'cloud provider (bedrock)'])).toBe(false);
  const namespace = {
    kind: 'namespace',
    launcher: [],
    hides: 'nothing',
    secludes: true,
    detail: '',
    gaps: [],
  } as const;
  const best = {
    logins: ['API key'],
    hasProxy: true,
    containment: namespace,
    environment: {},
    configFolder: '/nowhere',
  };
  expect(whyInReach(best)).toEqual([]);
  expect(whyInReach({ ...best, logins: [], hasProxy: false })).toEqual([]);
  expect(whyInReach({ ...best, hasProxy: false })).toHaveLength(1);
  expect(whyInReach({ ...best, logins: ['login in the home folder'], hasProxy: false })).toHaveLength(1);
  expect(whyInReach({ ...best, environment: { ANTHROPIC_API_KEY_FILE: '/run/key' } })[0]).toContain(
    '/run/key',
  );
  const hiding = { ...best, containment: { ...namespace, hides: 'all' } as const };
  expect(whyInReach({ ...hiding, environment: { ANTHROPIC_API_KEY_FILE: '/run/key' } })).toEqual([]);
  expect(whyInReach({ ...hiding, logins: ['API key', 'login in the home folder'] })).toEqual([]);
  expect(whyInReach({ ...hiding, hasProxy: false, logins: ['login in the home folder'] })).toHaveLength(1);
  expect(whyInReach({ ...best, containment: { ...findContainment('off', {}) } })).toHaveLength(1);
});
