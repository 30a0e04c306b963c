import { createServer } from 'node:net';
import { listen } from '@cc-executor/runtime';
import { freePort } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { claimPort, findLoopback } from '../../src/up/ports.ts';
import { UpError } from '../../src/up/up-error.ts';

const host = '127.0.0.1';

test('a port in use is an error that names the service, the port and the variable', async () => {
  const server = createServer();
  const port = await listen(server, { host, port: 0 });
  try {
    const claim = claimPort({ service: 'gateway', host, port, variable: 'GATEWAY_PORT' });
    await expect(claim).rejects.toThrow(UpError);
    await expect(claim).rejects.toThrow(
      new RegExp(`^gateway: port ${port} on 127.0.0.1 is already in use.*GATEWAY_PORT`),
    );
  } finally {
    server.close();
  }
});

test('a free port is returned and left free', async () => {
  const port = await freePort();
  expect(await claimPort({ service: 'gateway', host, port })).toBe(port);
  expect(await claimPort({ service: 'gateway', host, port })).toBe(port);
});

test('0 becomes a free port', async () => {
  expect(await claimPort({ service: 'worker', host, port: 0 })).toBeGreaterThan(0);
});

test('the loopback address is that of version 4, unless there is only the other one', async () => {
  expect(await findLoopback()).toBe('127.0.0.1');
  expect(await findLoopback(async (address) => address === '::1')).toBe('::1');
  expect(await findLoopback(async () => false)).toBe('127.0.0.1');
});
