import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { checkPort, findFreePort, listen } from '../src/index.ts';

const host = '127.0.0.1';

it('a free port is none of those that the system gives to whoever asks for none', async (context) => {
  const port = await findFreePort(host);
  await expect(checkPort({ host, port })).resolves.toBeUndefined();
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => undefined);
  if (range === undefined) return context.skip('only Linux says which ports it gives away by itself');
  expect(port).toBeLessThan(Number(range.split('\t')[0]));
});

it('a port in use, and one that was given before, is passed over', async () => {
  const free = await findFreePort(host);
  const server = createServer();
  onTestFinished(() => void server.close());
  const taken = await listen(server, { host, port: 0 });
  const drawn = [taken, free];
  let next = 20_000;
  const found = await findFreePort(host, () => drawn.shift() ?? next++);
  expect(drawn).toEqual([]);
  expect(found).toBe(next - 1);
});

it('an address that is not of this machine is no reason to try on', async () => {
  await expect(findFreePort('192.0.2.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
});
