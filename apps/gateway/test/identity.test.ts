/** Who may come in, at every door; what they see there; and when they have to go. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import type { FilesAnswer, FilesRequest } from '@cc-executor/claude-api-client';
import { tenantWorkspace } from '@cc-executor/claude-options/tenant-workspace';
import {
  createFailedLogins,
  type Identity,
  type Scope,
  type Standing,
  type Terms,
} from '@cc-executor/identity';
import { createJobId, type Method, methods } from '@cc-executor/protocol';
import { createLogger } from '@cc-executor/runtime';
import { beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createSourceOf } from '../src/identity/source.ts';
import { createFiles } from '../src/operations/files.ts';
import { provideRig, type Rig, type TestGateway, untilTrue } from './harness.ts';

let rig: Rig;
let standing: Standing;
let terms: Terms;
let gateway: TestGateway;

provideRig((made) => {
  rig = made;
});

/** Tokens are `tenant:scope`. */
const keyring = {
  identify(token: string): Identity | undefined {
    const [tenant = '', scope] = token.split(':');
    if (scope === undefined) return undefined;
    return { tenant, scopes: [scope as Scope], who: token, proof: { kind: 'key', id: 'key_0', secret: '' } };
  },
  standing: () => standing,
  termsOf: () => terms,
};

beforeEach(async () => {
  [standing, terms] = ['good', { tenant: {} }];
  gateway = await rig.gateway({ keyring });
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const http = (path: string, token?: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${gateway.port}/v1${path}`, {
    ...init,
    headers: { 'content-type': 'application/json', ...(token && bearer(token)), ...init.headers },
  });

async function submit(token: string): Promise<string> {
  const response = await http('/jobs', token, { method: 'POST', body: '{"prompt":"x"}' });
  expect(response.status).toBe(201);
  return (await response.json()).jobId;
}

const ticketFor = async (token: string, body: object = {}, headers: Record<string, string> = {}) => {
  const response = await http('/tickets', token, { method: 'POST', body: JSON.stringify(body), headers });
  expect(response.status).toBe(201);
  return (await response.json()).ticket as string;
};

/** Opens a WebSocket; gives it, or the answer in its place. */
async function open(
  url: string,
  {
    protocols = ['cc-executor.v1'],
    ...options
  }: { protocols?: string[]; headers?: Record<string, string>; origin?: string } = {},
): Promise<WebSocket | { status: number | undefined; problem: Record<string, unknown>; headers: object }> {
  const socket = new WebSocket(url, protocols, options);
  const refused = once(socket, 'unexpected-response');
  const opened = once(socket, 'open');
  const [first, answer] = await Promise.race([opened.then(() => []), refused]);
  if (first === undefined) return socket;
  const response = answer as IncomingMessage;
  const chunks = await response.toArray();
  socket.on('error', () => {
    // It was refused; that is looked at here.
  });
  return { status: response.statusCode, headers: response.headers, problem: JSON.parse(chunks.join('')) };
}

async function ask(
  socket: WebSocket,
  method: string,
  params: object,
): Promise<{ result?: object; error?: { data: { code: string } } }> {
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 'asked', method, params }));
  for (;;) {
    const [data] = await once(socket, 'message');
    const frame = JSON.parse(String(data));
    if (frame.id === 'asked') return frame;
  }
}

function mustBeOpen(opened: Awaited<ReturnType<typeof open>>): WebSocket {
  if (!(opened instanceof WebSocket)) throw new Error(`refused with ${opened.status}`);
  return opened;
}

describe('without a good token', () => {
  test.each([
    ['none', {}],
    ['an unknown one', bearer('nobody')],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['an empty one', { authorization: 'Bearer ' }],
  ])('every door answers 401 as a problem: %s', async (_name, headers) => {
    for (const url of [gateway.url, gateway.dialectUrl]) {
      const answer = await open(url, { headers });
      expect(answer).toMatchObject({ status: 401, problem: { code: 'unauthenticated' } });
      expect(answer).toHaveProperty('headers.www-authenticate', 'Bearer');
      expect(answer).toHaveProperty('headers.content-type', 'application/problem+json');
    }
    const response = await http('/jobs', undefined, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
    expect((await http('/tickets', undefined, { method: 'POST', headers })).status).toBe(401);
  });

  test('nothing of what was shown is said again', async () => {
    const secret = 'a-secret-that-is-wrong';
    const response = await http('/jobs', secret);
    const upgrade = await open(gateway.url, { protocols: ['cc-executor.v1', `ticket_${secret}`] });
    expect(JSON.stringify([[...response.headers], await response.text(), upgrade])).not.toContain(secret);
  });

  test('the description of the door can be read', async () => {
    expect((await http('/openapi.json')).status).toBe(200);
    expect((await http('/docs')).status).toBe(200);
    expect((await http('/docs/sdk')).status).toBe(200);
  });
});

test('a token leads to its tenant at every door: jobs of one are missing for the other, in the same words', async () => {
  const jobId = await submit('acme:write');
  const missing = createJobId();
  const own = mustBeOpen(await open(gateway.url, { headers: bearer('acme:write') }));
  expect(await ask(own, 'get', { jobId })).toHaveProperty('result.status', 'queued');
  const other = mustBeOpen(await open(gateway.url, { headers: bearer('rival:write') }));
  for (const method of (Object.keys(methods) as Method[]).filter(
    (name) => 'jobId' in methods[name].params.shape,
  )) {
    const more = method === 'eventBody' ? { seq: 1 } : {};
    const foreign = await ask(other, method, { jobId, ...more });
    expect(JSON.stringify(foreign)).toBe(
      JSON.stringify(await ask(other, method, { jobId: missing, ...more })),
    );
  }
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/events'],
    ['GET', '/events/1/body'],
    ['POST', '/cancel'],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/verify'],
    ['POST', '/rerun'],
  ]) {
    const answers = await Promise.all(
      [jobId, missing].map(async (id) => {
        const response = await http(`/jobs/${id}${path}`, 'rival:write', { method: method ?? '' });
        return [response.status, await response.text()];
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
  }
  expect(await (await http('/jobs', 'rival:write')).json()).toEqual({ jobs: [] });
  expect((await (await http('/jobs', 'acme:read')).json()).jobs).toHaveLength(1);
  own.terminate();
  other.terminate();
});

test('two tenants may use one idempotency key, each for a job of its own', async () => {
  const send = async (token: string) =>
    (
      await http('/jobs', token, {
        method: 'POST',
        body: '{"prompt":"x"}',
        headers: { 'idempotency-key': 'k' },
      })
    ).json();
  const [first, second] = [await send('acme:write'), await send('rival:write')];
  expect([first.created, second.created]).toEqual([true, true]);
  expect(first.jobId).not.toBe(second.jobId);
});

test('read looks, and changes nothing', async () => {
  const jobId = await submit('acme:write');
  const socket = mustBeOpen(await open(gateway.url, { headers: bearer('acme:read') }));
  expect(await ask(socket, 'get', { jobId })).toHaveProperty('result');
  for (const [method, params] of Object.entries({
    execute: { prompt: 'x' },
    rerun: { jobId },
    cancel: { jobId },
    cancelMany: { status: 'queued' },
    pause: { jobId },
    resume: { jobId },
  })) {
    expect((await ask(socket, method, params)).error?.data.code).toBe('forbidden');
  }
  expect((await http(`/jobs/${jobId}/cancel`, 'acme:read', { method: 'POST' })).status).toBe(403);
  socket.terminate();
});

test('who asks is told who that is, at both doors', async () => {
  const expected = { tenant: 'acme', scopes: ['read'], who: 'acme:read' };
  expect(await (await http('/me', 'acme:read')).json()).toMatchObject(expected);
  const socket = mustBeOpen(await open(gateway.url, { headers: bearer('acme:read') }));
  expect((await ask(socket, 'me', {})).result).toMatchObject(expected);
  socket.terminate();
});

test('the files of a workspace are those of the tenant: claude-api is asked for another one for each', async () => {
  const asked: string[] = [];
  const claudeApi = {
    files: async ({ workspace }: FilesRequest): Promise<FilesAnswer> => {
      asked.push(workspace);
      return { status: 200, headers: {}, body: Readable.from([Buffer.from('text')]) };
    },
    diff: () => Promise.reject(new Error('no diff is asked for')),
  };
  gateway = await rig.gateway({ keyring, files: createFiles({ claudeApi }) });
  for (const tenant of ['default', 'acme', 'rival']) {
    expect((await http('/workspaces/main/files/a.txt', `${tenant}:read`)).status).toBe(200);
  }
  expect(asked[0]).toBe('main');
  expect(asked[1]).toBe(tenantWorkspace('acme', 'main'));
  expect(new Set(asked).size).toBe(3);
});

test('what is changed, and what is denied, stands in the audit log, without what was sent', async () => {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  gateway = await rig.gateway({
    keyring,
    logger: createLogger({ name: 'test', level: 'error', format: 'json', stream: sink }),
  });
  const jobId = await submit('acme:write');
  await http(`/jobs/${jobId}`, 'acme:read');
  await http(`/jobs/${jobId}/cancel`, 'acme:read', { method: 'POST' });
  await ticketFor('operators:admin', { jobId });
  for (const path of [`/jobs/${jobId}`, '/jobs']) await http(path, 'operators:admin');
  const audited = lines.filter(({ event }) => event === 'audit');
  expect(audited).toMatchObject([
    { who: 'acme:write', tenant: 'acme', method: 'execute', outcome: 'ok', jobId },
    { who: 'acme:read', tenant: 'acme', method: 'cancel', outcome: 'forbidden', jobId },
    { who: 'operators:admin', of: 'acme', method: 'createTicket', outcome: 'ok', jobId },
    { who: 'operators:admin', of: 'acme', method: 'get', outcome: 'ok', jobId },
  ]);
  expect(JSON.stringify(audited)).not.toContain('prompt');
});

describe('a ticket', () => {
  test('opens one WebSocket, once, and is not the subprotocol that is chosen', async () => {
    const protocols = ['cc-executor.v1', await ticketFor('acme:write')];
    const socket = mustBeOpen(await open(gateway.url, { protocols }));
    expect(socket.protocol).toBe('cc-executor.v1');
    expect(await ask(socket, 'execute', { prompt: 'x' })).toHaveProperty('result');
    expect(await open(gateway.url, { protocols })).toMatchObject({ status: 401 });
    socket.terminate();
  });

  test('of two that show it at once, lets in one', async () => {
    const protocols = ['cc-executor.v1', await ticketFor('acme:write')];
    const opened = await Promise.all(Array.from({ length: 4 }, () => open(gateway.url, { protocols })));
    expect(opened.filter((answer) => answer instanceof WebSocket)).toHaveLength(1);
    for (const answer of opened) if (answer instanceof WebSocket) answer.terminate();
  });

  test('is for the origin it was made for', async () => {
    const origin = 'http://localhost:5173';
    const made = [
      await ticketFor('acme:write', { origin }),
      await ticketFor('acme:write', {}, { origin }),
      await ticketFor('acme:write', { origin }),
    ].map((ticket) => ['cc-executor.v1', ticket]);
    expect(await open(gateway.url, { protocols: made[0] ?? [] })).toMatchObject({ status: 401 });
    expect(
      await open(gateway.url, { protocols: made[1] ?? [], origin: 'http://localhost:80' }),
    ).toMatchObject({ status: 401 });
    mustBeOpen(await open(gateway.url, { protocols: made[2] ?? [], origin })).terminate();
  });

  test('can do less than its token, never more, and opens nothing over HTTP', async () => {
    const body = '{"scopes":["admin"]}';
    expect((await http('/tickets', 'acme:write', { method: 'POST', body })).status).toBe(403);
    const ticket = await ticketFor('acme:write', { scopes: ['read'] });
    expect((await http('/jobs', ticket)).status).toBe(401);
    const socket = mustBeOpen(await open(gateway.url, { protocols: ['cc-executor.v1', ticket] }));
    expect((await ask(socket, 'execute', { prompt: 'x' })).error?.data.code).toBe('forbidden');
    socket.terminate();
  });

  test('for one job sees that job alone', async () => {
    const [jobId, other] = [await submit('acme:write'), await submit('acme:write')];
    const ticket = await ticketFor('acme:write', { jobId });
    const socket = mustBeOpen(await open(gateway.url, { protocols: ['cc-executor.v1', ticket] }));
    expect(await ask(socket, 'attach', { jobId })).toHaveProperty('result');
    expect((await ask(socket, 'get', { jobId: other })).error?.data.code).toBe('job_not_found');
    for (const [method, params] of Object.entries({
      list: {},
      execute: { prompt: 'x' },
      rerun: { jobId },
      cancelMany: { status: 'queued' },
    })) {
      expect((await ask(socket, method, params)).error?.data.code).toBe('forbidden');
    }
    socket.terminate();
  });

  test.each([undefined, ['read']])(
    "for one job of any tenant is an operator's to give, with scopes %s, and is bound to that tenant",
    async (scopes) => {
      const jobId = await submit('acme:write');
      const ticket = await ticketFor('operators:admin', { jobId, scopes });
      const socket = mustBeOpen(await open(gateway.url, { protocols: ['cc-executor.v1', ticket] }));
      expect(await ask(socket, 'attach', { jobId })).toHaveProperty('result');
      expect(await ask(socket, 'me', {})).toMatchObject({ result: { tenant: 'acme', jobId } });
      const foreign = await ticketFor('rival:write', { jobId });
      const blind = mustBeOpen(await open(gateway.url, { protocols: ['cc-executor.v1', foreign] }));
      expect((await ask(blind, 'get', { jobId })).error?.data.code).toBe('job_not_found');
      for (const each of [socket, blind]) each.terminate();
    },
  );

  test('costs what a request costs', async () => {
    terms = { tenant: { costPerMinute: 2 } };
    for (const status of [201, 201, 429])
      expect((await http('/tickets', 'acme:read', { method: 'POST' })).status).toBe(status);
  });

  test('is not in Redis by its name, nor with what it opens', async () => {
    const ticket = await ticketFor('acme:write');
    const [key = ''] = await gateway.redis.keys(`${rig.keyPrefix}:ticket:*`);
    expect(key).not.toBe('');
    expect(key).not.toContain(ticket.slice('ticket_'.length));
    expect(await gateway.redis.pttl(key)).toBeGreaterThan(0);
  });
});

test.each([
  ['expired', 4005, 'login_expired'],
  ['revoked', 4501, 'login_revoked'],
] as const)(
  'a login that has %s ends what it opened, and answers no request meanwhile',
  async (end, code, reason) => {
    const jobId = await submit('acme:write');
    const socket = mustBeOpen(await open(gateway.url, { headers: bearer('acme:write') }));
    const stream = await http(`/jobs/${jobId}/events`, 'acme:read');
    const closed = once(socket, 'close');
    standing = end;
    expect((await ask(socket, 'execute', { prompt: 'x' })).error?.data.code).toBe('unauthenticated');
    const [closedWith, words] = await closed;
    expect([closedWith, String(words)]).toEqual([code, reason]);
    await expect(stream.text()).rejects.toThrow();
    await untilTrue(() => gateway.connections() === 0);
  },
);

test.each([
  ['an address that connects itself', '203.0.113.7', undefined, '203.0.113.7'],
  ['what a stranger says of themselves', '203.0.113.7', '198.51.100.1', '203.0.113.7'],
  ['whom a trusted proxy names', '10.0.0.2', '203.0.113.7', '203.0.113.7'],
  ['whom it names last, whatever was said before', '10.0.0.2', '1.1.1.1, 203.0.113.7', '203.0.113.7'],
  [
    'whom the outer of two trusted ones names',
    '::ffff:10.0.0.2',
    '1.1.1.1, 203.0.113.7,10.9.9.9',
    '203.0.113.7',
  ],
  ['an address inside, behind them', '10.0.0.2', '10.1.1.1', '10.1.1.1'],
  ['a trusted proxy that names what is no address', '10.0.0.2', 'nonsense', '10.0.0.2'],
  ['a trusted proxy that names nobody', '10.0.0.2', '', '10.0.0.2'],
])('the source of a request is %s', (_, remoteAddress, forwarded, source) => {
  const sourceOf = createSourceOf(['10.0.0.0/8']);
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  expect(sourceOf({ socket: { remoteAddress } as Socket, headers })).toBe(source);
});

test('failures of one source take longer each time; those of another, or after a while, do not', () => {
  let now = 0;
  const { failed } = createFailedLogins(() => now);
  expect(Array.from({ length: 8 }, () => failed('a'))).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
  expect(failed('b')).toBe(50);
  now = 61_000;
  expect(failed('a')).toBe(50);
});
