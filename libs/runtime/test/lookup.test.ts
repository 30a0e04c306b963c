/** Against a name server of the test's own, on a socket. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup as systemLookup } from 'node:dns/promises';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { createLookup } from '../src/lookup.ts';

/** Answers every question for IPv4 with these addresses, and every other with none; never, without addresses. */
async function startNameServer(addresses: string[] | undefined): Promise<{ server: string; socket: Socket }> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    if (addresses === undefined) return;
    const end = question.indexOf(0, 12) + 5;
    const isV4 = question.readUInt16BE(end - 4) === 1;
    const found = isV4 ? addresses : [];
    const head = Buffer.from(question.subarray(0, end));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(found.length, 6);
    head.writeUInt32BE(0, 8);
    const records = found.map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ip.split('.').map(Number)]),
    );
    socket.send(Buffer.concat([head, ...records]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { server: `127.0.0.1:${socket.address().port}`, socket };
}

test('a name has all the addresses that name servers know', async () => {
  const { server } = await startNameServer(['93.184.215.14', '10.0.0.1']);
  const lookup = createLookup({ isOwn: () => false, timeoutMs: 2_000, servers: [server] });
  expect((await lookup('hooks.example.com')).sort()).toEqual(['10.0.0.1', '93.184.215.14']);
});

test('a name without one is an error', async () => {
  const { server } = await startNameServer([]);
  const lookup = createLookup({ isOwn: () => false, timeoutMs: 2_000, servers: [server] });
  await expect(lookup('hooks.example.com')).rejects.toMatchObject({ code: 'ENODATA' });
});

test("names that are never resolved hold up neither the system's lookups nor the operator's", async () => {
  const { server, socket } = await startNameServer(undefined);
  const asked = once(socket, 'message');
  const lookup = createLookup({ isOwn: (host) => host === 'localhost', timeoutMs: 100, servers: [server] });
  let settled = 0;
  const hanging = Array.from({ length: 32 }, (_, i) =>
    lookup(`hooks${i}.example.com`).catch((error) => {
      settled += 1;
      return error.code;
    }),
  );
  await asked;
  await systemLookup('localhost');
  expect(await lookup('localhost')).toContain('127.0.0.1');
  expect(settled).toBe(0);
  expect(new Set(await Promise.all(hanging))).toEqual(new Set(['ETIMEOUT']));
});
