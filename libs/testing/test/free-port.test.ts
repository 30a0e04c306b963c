import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from '../src/index.ts';

it('nobody listens on a free port, and no other test can have it', async () => {
  const port = await freePort();
  const socket = connect(port, '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  const token = createSocket('udp4');
  token.bind(port, '127.0.0.1');
  await expect(once(token, 'listening')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  token.close();
});
