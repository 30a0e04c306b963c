/** Which call is made on which connection, against a service that keeps its connections open. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createClaudeApiClient } from '../src/index.ts';
import { lines, run } from './running.ts';

const COMPLETE = `${JSON.stringify(lines.complete().line)}\n`;

/** Answers each execution by `answer`; default is one that ends well. */
async function startService(
  answer = (response: ServerResponse, _call: number) => void response.end(COMPLETE),
) {
  const made: Socket[] = [];
  const calls: Socket[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      calls.push(request.socket);
      answer(response, calls.length);
    });
  });
  server.on('connection', (socket) => made.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = createClaudeApiClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  onTestFinished(async () => {
    await client.close();
    server.close();
    server.closeAllConnections();
  });
  return { client, made, calls };
}

test('a call is made on the connection of one that has ended well', async () => {
  const { client, made } = await startService();
  for (let call = 0; call < 3; call += 1) expect((await run(client)).outcome.status).toBe('completed');
  expect(made).toHaveLength(1);
});

test('calls at once have a connection each', async () => {
  const waiting: ServerResponse[] = [];
  const { client, made } = await startService((response) => {
    waiting.push(response);
    if (waiting.length === 3) for (const each of waiting) each.end(COMPLETE);
  });
  await Promise.all([run(client), run(client), run(client)]);
  expect(made).toHaveLength(3);
});

for (const how of ['end', 'resetAndDestroy'] as const) {
  test(`a connection that the service has closed since (${how}) costs no call`, async () => {
    const { client, made, calls } = await startService();
    for (let call = 0; call < 20; call += 1) {
      expect((await run(client)).outcome.status).toBe('completed');
      const closed = once(calls.at(-1) as Socket, 'close');
      calls.at(-1)?.[how]();
      await closed;
    }
    expect(made).toHaveLength(20);
  });
}

test('a call whose connection dies under it is cut, and asked no second time', async () => {
  const { client, made, calls } = await startService((response, call) => {
    if (call === 1) response.end(COMPLETE);
    else response.socket?.resetAndDestroy();
  });
  await run(client);
  expect((await run(client)).outcome).toMatchObject({ status: 'failed', code: 'upstream_cut', sent: true });
  expect(made).toHaveLength(1);
  expect(calls).toHaveLength(2);
});

test('what is aborted takes its connection along', async () => {
  const stop = new AbortController();
  const { client, made, calls } = await startService((response, call) => {
    if (call === 1) response.write(`${JSON.stringify(lines.text('a').line)}\n`);
    else response.end(COMPLETE);
  });
  const { outcome } = await run(client, { signal: stop.signal, onEvent: () => stop.abort() });
  expect(outcome.status).toBe('aborted');
  if (!calls[0]?.closed) await once(calls[0] as Socket, 'close');
  expect((await run(client)).outcome.status).toBe('completed');
  expect(made).toHaveLength(2);
});

test('a response that does not end behind its complete line takes its connection along', async () => {
  const { client, made } = await startService((response, call) => {
    response.write(COMPLETE);
    if (call > 1) response.end();
  });
  await run(client);
  await run(client);
  expect(made).toHaveLength(2);
});

test('a refusal takes its connection along', async () => {
  const { client, made } = await startService((response, call) => {
    if (call === 1) response.statusCode = 503;
    response.end(COMPLETE);
  });
  expect((await run(client)).outcome).toMatchObject({ code: 'upstream_busy' });
  expect((await run(client)).outcome.status).toBe('completed');
  expect(made).toHaveLength(2);
});

test('what is kept is let go after a moment, and by closing at once', async () => {
  const { client, made } = await startService();
  await run(client);
  await once(made[0] as Socket, 'close');
  await run(client);
  const closed = once(made[1] as Socket, 'close');
  await client.close();
  await closed;
});
