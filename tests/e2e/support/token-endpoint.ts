/**
 * The service that renews logins, which refuses to. Claude Code asks it under its own name only, so this stands behind an
 * HTTPS proxy and has a certificate for that name, made for these tests and trusted by nobody else.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { fixture } from './child.ts';

export type TokenEndpoint = {
  /** What makes Claude Code reach it. */
  env: Record<string, string>;
  /** `POST /v1/oauth/token` … so far. */
  requests: readonly string[];
  close(): Promise<void>;
};

export async function startRefusingTokenEndpoint(): Promise<TokenEndpoint> {
  const certificate = fixture('token-endpoint.cert.pem');
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const endpoint = createTlsServer(
    { key: readFileSync(fixture('token-endpoint.key.pem')), cert: readFileSync(certificate) },
    (request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: 'invalid_grant', error_description: 'Refresh token not found' }));
    },
  );
  const proxy = createServer().on('connect', (_request, socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    endpoint.emit('connection', socket);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: certificate },
    requests,
    async close() {
      const closed = once(proxy, 'close');
      proxy.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
