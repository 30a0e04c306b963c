/** What the embedded server takes for a client, and how it answers one. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let server: TestRedis;
beforeAll(async () => {
  server = await startTestRedis({ embedded: true });
});
afterAll(() => server.close());

test.each([
  ...['POST / HTTP/1.1', 'GET / HTTP/1.1', 'PUT /x HTTP/1.1', 'OPTIONS * HTTP/1.1', 'post / HTTP/1.0'],
  ...['HEAD /x HTTP/1.1', 'DELETE /x HTTP/1.1', 'GET http://x/ HTTP/1.1', 'CONNECT x:1 HTTP/1.1'],
])('a connection that begins with %s is dropped, and no command of its body is run', async (line) => {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(`${line}\r\nHost: x\r\n\r\nSET planted yes\r\n`);
  socket.on('error', () => {
    // A reset is as good an end.
  });
  const answered = await text(socket).catch(() => '');
  expect(answered).toBe('');
  expect(await server.admin.get('planted')).toBeNull();
});

test('a command typed by hand, also GET, is answered', async () => {
  const socket = connect(server.port, '127.0.0.1');
  socket.write('SET key value\r\n');
  expect(String((await once(socket, 'data'))[0])).toBe('+OK\r\n');
  socket.write('GET key\r\n');
  expect(String((await once(socket, 'data'))[0])).toContain('value');
  socket.destroy();
});

test('replies come in the order of their commands, also those to a subscription of several channels', async () => {
  const channels = Array.from({ length: 20 }, (_, i) => `channel-${i}`);
  const socket = connect(server.port, '127.0.0.1');
  socket.write(
    `SUBSCRIBE ${channels.join(' ')}\r\nPING one\r\nUNSUBSCRIBE ${channels.join(' ')}\r\nPING two\r\nQUIT\r\n`,
  );
  const answered = await text(socket);
  const words = answered.match(/subscribe|unsubscribe|one|two/g);
  expect(words).toEqual([
    ...channels.map(() => 'subscribe'),
    'one',
    ...channels.map(() => 'unsubscribe'),
    'two',
  ]);
});

test.each(['end', 'resetAndDestroy'] as const)(
  'a client that has gone (%s) takes nothing that it waited for',
  async (go) => {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const clients = async () => String(await server.admin.client('LIST')).match(/^id=/gm);
    socket.write('BZPOPMIN waited-for 0\r\n');
    await expect.poll(clients).toHaveLength(2);
    socket[go]();
    await expect.poll(clients).toHaveLength(1);
    await server.admin.zadd('waited-for', 1, 'entry');
    expect(await server.admin.zcard('waited-for')).toBe(1);
  },
);
