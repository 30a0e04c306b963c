/**
 * A listener on loopback for programs that this service starts itself: every request goes to one handler, as it is. It is
 * no door of the service: it has no health, no limits of time, and nobody else knows its port.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createForeignCheck } from './foreign-check.ts';
import { http } from './node-http.ts';

type LoopbackListener = {
  readonly url: string;
  /** Cuts every connection. Idempotent. */
  close(): Promise<void>;
};

/** Listens on a free port. What a page in a browser sends is refused (403) before the handler sees it. */
export async function listenOnLoopback(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LoopbackListener> {
  const refuseForeign = createForeignCheck({ allowedHosts: [] });
  const server = http.createServer((request, response) => {
    const message = refuseForeign(request.headers, request.method ?? '');
    if (message !== undefined) response.writeHead(403).end(message);
    else void handle(request, response);
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
