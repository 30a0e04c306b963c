/**
 * Ports for servers that tests start later, or that nobody is to listen on. Tests run beside each other: whoever holds the
 * UDP port of the same number, until its process ends, is the only one that may use the port.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { findFreePort } from '@cc-executor/runtime';

const HOST = '127.0.0.1';

/** On loopback; no other test gets the same one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await findFreePort(HOST);
    if (await hold(port)) return port;
  }
}

async function hold(port: number): Promise<boolean> {
  const token = createSocket('udp4').unref();
  try {
    token.bind(port, HOST);
    await once(token, 'listening');
    return true;
  } catch {
    token.close();
    return false;
  }
}
