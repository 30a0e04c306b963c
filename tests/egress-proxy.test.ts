/** The way out of claude-api's network, as a process: what goes through it, and what does not. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { sleep } from '@cc-executor/runtime';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { startEgress } from './e2e/support/egress.ts';

/** Something inside, on this machine. */
let inside: number;
const received: string[] = [];

beforeAll(async () => {
  const server = createServer((asked, response) => {
    received.push(`${asked.method} ${asked.headers.host} ${asked.url}`);
    const { 'content-length': length } = asked.headers;
    if (length !== undefined) response.setHeader('content-length', length);
    response.setHeader('x-seen', JSON.stringify(asked.headers));
    asked.pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  inside = (server.address() as AddressInfo).port;
  return () => server.close();
});

/** Asks for a tunnel, and sends something through it if there is one; gives all that comes back. */
async function tunnel(proxy: number, target: string, then = ''): Promise<string> {
  const socket = connect(proxy, '127.0.0.1');
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n${then}`);
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

/** Asks for a page as a client of a proxy does. */
async function get(proxy: number, url: string, headers: Record<string, string> = {}) {
  const asked = request({ host: '127.0.0.1', port: proxy, path: url, method: 'POST', headers });
  asked.end('a body');
  const [answer] = await once(asked, 'response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode as number, text, seen: answer.headers['x-seen'] as string };
}

test.each([
  ...['127.0.0.1', 'localhost', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ...[
    '169.254.169.254',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
  ],
  ...[
    '[::1]',
    '[::]',
    '[::ffff:10.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[fc00::1]',
  ],
  ...['[64:ff9b::a9fe:a9fe]', '[2002:a00:1::1]', '[2001:0:a00::1]', '[ff02::1]'],
])('nothing goes to %s', async (host) => {
  const proxy = await startEgress({ EGRESS_PORTS: `${inside},80,443` });
  const from = received.length;
  const page = 'GET /secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  for (const port of [inside, 443]) {
    expect(await tunnel(proxy, `${host}:${port}`, page)).toMatch(/^HTTP\/1\.1 403 .*no public address/s);
  }
  const answer = await get(proxy, `http://${host}:${inside}/secret`);
  expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('no public address') });
  expect(received.slice(from)).toEqual([]);
});

test('a public address is tried, on the ports that are open only', async () => {
  // This machine may have no way to it: what counts is who says no.
  const proxy = await startEgress({ EGRESS_PORTS: '443' });
  for (const target of ['1.1.1.1:25', 'example.com:22', '[2606:4700::1111]:6379']) {
    expect(await tunnel(proxy, target)).toMatch(/^HTTP\/1\.1 403 .*EGRESS_PORTS/s);
  }
  expect(await get(proxy, 'http://1.1.1.1/')).toMatchObject({ status: 403 });
});

test('what is allowed by name goes through, both ways, unchanged', async () => {
  const proxy = await startEgress({ EGRESS_ALLOW: `localhost:${inside}, other:1` });
  const body = 'x'.repeat(1_000_000);
  const page = `POST /in HTTP/1.1\r\nHost: in\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  const answer = await tunnel(proxy, `localhost:${inside}`, page);
  expect(answer).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200 OK/);
  expect(answer.endsWith(`\r\n\r\n${body}`)).toBe(true);
  expect(received.at(-1)).toBe('POST in /in');
  const plain = await get(proxy, `http://localhost:${inside}/page?q=1`, { 'proxy-authorization': 'Basic x' });
  expect(plain).toMatchObject({ status: 200, text: 'a body' });
  expect(plain.seen).not.toContain('proxy-');
  expect(received.at(-1)).toBe(`POST localhost:${inside} /page?q=1`);
  // By that name only.
  expect(await tunnel(proxy, `127.0.0.1:${inside}`)).toMatch(/^HTTP\/1\.1 403/);
});

test('who reads slowly gets all of an answer, also when the other side has long left', async () => {
  const size = 16 * 1024 * 1024;
  const server = createServer((_asked, response) => void response.end(Buffer.alloc(size)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const target = `localhost:${(server.address() as AddressInfo).port}`;
  const proxy = await startEgress({ EGRESS_ALLOW: target });
  const socket = connect(proxy, '127.0.0.1');
  socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n`);
  let received = 0;
  for await (const chunk of socket) {
    received += chunk.length;
    // Slower than what it reads from: that is the point, and no waiting for something.
    await sleep(2);
  }
  expect(received).toBeGreaterThan(size);
});

test('what cannot be read, or reached, is answered, and ends nothing', async () => {
  const proxy = await startEgress({ EGRESS_ALLOW: '127.0.0.1:1,nowhere.invalid:443' });
  expect(await tunnel(proxy, '127.0.0.1:1')).toMatch(/^HTTP\/1\.1 502/);
  expect(await tunnel(proxy, 'nowhere.invalid:443')).toMatch(/^HTTP\/1\.1 502/);
  for (const target of ['', '::::', 'a b', 'x:99999', '/', '%']) {
    expect(await tunnel(proxy, target)).toMatch(/^HTTP\/1\.1 (4|5)\d\d/);
  }
  expect(await get(proxy, 'https://localhost/')).toMatchObject({ status: 403 });
  expect(await get(proxy, 'ftp://localhost/')).toMatchObject({ status: 403 });
  const broken = connect(proxy, '127.0.0.1');
  broken.write('CONNECT 10.0.0.1:443 HTTP/1.1\r\n');
  broken.resetAndDestroy();
  expect((await get(proxy, '/ready')).status).toBe(200);
});
