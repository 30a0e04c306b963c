/** What the HTTP contract refuses and answers, apart from the executions themselves. */
import { createServer, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDemoEngine } from '../src/demo-engine.ts';
import { openResponse } from '../src/response-writer.ts';
import { claudeEngine, openPolicy, soleCompletion, startApi, temporaryFolder } from './harness.ts';

describe('a request that is not valid', () => {
  test('is answered 400 with all its faults', async () => {
    const api = await startApi(createDemoEngine());
    const response = await api.execute({ question: '', model: '--x', allowedTools: ['-p'], maxTurns: 0 });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; faults: string[] } };
    expect(error.code).toBe('invalid_request');
    expect(error.faults.map((fault) => fault.split(':', 1)[0])).toEqual([
      'question',
      'model',
      'allowedTools.0',
      'maxTurns',
    ]);
  });

  test.each([
    { executionId: '-rf' },
    { executionId: '' },
    { permissionMode: '--dangerously-skip-permissions' },
    { model: 'a b' },
    { model: 'a\u0000' },
    { disallowedTools: [' x'] },
    { appendSystemPrompt: 'a\u0000b' },
    { workspace: '../w' },
    { workspace: '.locks' },
    { conversation: 'c' },
    { conversation: '../../x' },
    { allowedTools: ['Read,Bash'] },
    { allowedTools: ['Read Bash'] },
    { allowedTools: ['Read(a) Bash(b)'] },
    { fallbackModel: 'sonnet,--help' },
    { effort: 'enormous' },
    { maxBudgetUsd: 0 },
    { addDirs: ['relative'] },
    { addDirs: ['--settings=/x'] },
    { mcpConfig: '../secrets' },
    { mcpConfig: ['{"mcpServers":{}}'] },
    { env: { 'A=B': 'x' } },
    { env: { A: 'x\u0000' } },
  ])('%j is refused', async (fields) => {
    const api = await startApi(createDemoEngine());
    expect((await api.execute({ question: 'hello', ...fields })).status).toBe(400);
  });

  test.each([
    ['a list of a million', `{"question":"x","allowedTools":[${'0,'.repeat(1_000_000)}0]}`, 'allowedTools'],
    ['9,000 wrong values', `{"question":"x","allowedTools":[${'0,'.repeat(9_000)}0]}`, 'allowedTools'],
    [
      'an env 20,000 deep, with integer-like names',
      `{"question":"x","env":${'{"1":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
      'env',
    ],
    ['a body that is only depth', `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`, 'body'],
  ])('is answered 400, shortly, when it is made to break the server: %s', async (_what, body, named) => {
    const api = await startApi(createDemoEngine());
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${api.url}/execute/claude-stream`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text.length).toBeLessThan(20_000);
    expect(text).toContain(named);
    expect((await api.execute({ question: 'hello' })).status).toBe(200);
  });

  test('takes unknown members of any depth, for they are ignored', async () => {
    const api = await startApi(createDemoEngine());
    const body = `{"question":"hello","more":${'{"1":['.repeat(30_000)}${']}'.repeat(30_000)}}`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${api.url}/execute/claude-stream`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    await response.text();
  });

  test('is answered 400 when it is no JSON, and 404 when there is no such address', async () => {
    const api = await startApi(createDemoEngine());
    const headers = { 'content-type': 'application/json' };
    const broken = await fetch(`${api.url}/execute/stream`, { method: 'POST', headers, body: '{' });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ error: { code: 'invalid_request' } });
    const unknown = await fetch(`${api.url}/nowhere`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'not_found' } });
  });

  test('is answered 403 when it chooses tools and the server does not allow that', async () => {
    const api = await startApi(createDemoEngine(), { policy: { ...openPolicy, allowToolOptions: false } });
    expect((await api.execute({ question: 'hello', allowedTools: ['Bash'] })).status).toBe(403);
    expect((await api.execute({ question: 'hello', permissionMode: 'plan' })).status).toBe(403);
    expect((await api.execute({ question: 'demo:{"delayMs":0}', disallowedTools: ['Bash'] })).status).toBe(
      200,
    );
  });
});

describe('health', () => {
  test('the demo says that it is one', async () => {
    const api = await startApi(createDemoEngine());
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
    const ready = await fetch(`${api.url}/ready`);
    expect(ready.status).toBe(200);
    expect(JSON.stringify(await ready.json())).toContain('a demo: answers are made up');
  });

  test('without the CLI it is alive but not ready', async () => {
    const api = await startApi(claudeEngine({ bin: `${temporaryFolder()}/claude` }));
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
    const ready = await fetch(`${api.url}/ready`);
    expect(ready.status).toBe(503);
    expect(JSON.stringify(await ready.json())).toContain('set CLAUDE_BIN');
  });
});

describe('plain text', () => {
  const path = '/execute/stream';

  test('is a preamble, the answer, and a clean end', async () => {
    const api = await startApi(createDemoEngine());
    const question = 'demo:{"text":"a piece ","repeat":3,"delayMs":0,"tool":"echo"}';
    const body = await (await api.execute({ question, executionId: 'one' }, { path })).text();
    expect(body).toMatch(/^Execution ID: one\nStarting execution: .+\n={60}\na piece a piece a piece \n$/);
  });

  test('ends with an error line and is cut when the execution failed', async () => {
    const api = await startApi(createDemoEngine());
    const question = 'demo:{"text":"partial","fail":"no luck"}';
    const { promise: cut, resolve } = Promise.withResolvers<Error>();
    let body = '';
    const call = request(`${api.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    call.on('response', (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', resolve);
    });
    call.end(JSON.stringify({ question }));
    expect((await cut).message).toBe('aborted');
    expect(body).toMatch(/partial\nERROR: no luck\n$/);
  });
});

test('a stalled caller is waited for, until it reads again or goes', async () => {
  const responses: ServerResponse[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => resolve(response)).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  onTestFinished(() => {
    for (const response of responses) response.destroy();
    server.close();
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.pause().write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const response = await asked;
  responses.push(response);
  const writer = openResponse(response, 'text/plain');

  let full = writer.write('x'.repeat(64 * 1024));
  while (full === undefined) full = writer.write('x'.repeat(64 * 1024));
  socket.resume();
  await full;
  socket.pause();
  let again = writer.write('x'.repeat(64 * 1024));
  while (again === undefined) again = writer.write('x'.repeat(64 * 1024));
  socket.destroy();
  await again;
  expect(writer.write('to nobody')).toBeUndefined();
});

test('a caller that reads late gets every line', async () => {
  const api = await startApi(claudeEngine());
  const response = await api.execute({ question: 'hello', model: 'floods' });
  const text = await response.text();
  expect(text.split('\n')).toHaveLength(640 + 4);
  const lines = text.split('\n').filter((line) => !line.startsWith('{"type":"stream_event"') && line !== '');
  expect(soleCompletion(lines.map((line) => JSON.parse(line)))).toMatchObject({
    status: 'success',
    bytes: 640 * 64 * 1024,
  });
});
