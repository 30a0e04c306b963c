/** What all baselines on bare `ws` share: a server that takes JSON-RPC requests from its connections. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { announce } from '../announce.ts';

export type Connection = { ws: WebSocket; socket: Socket };

export type Request = { id: number; method: string; params: Record<string, unknown> };

const BACKLOG = 2_048;

/** Serves connections until the process ends. @param perform takes each request, and answers it */
export async function servePlain(
  perform: (connection: Connection, request: Request) => void,
  onOpen: (connection: Connection) => void = () => undefined,
): Promise<void> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const connection = { ws, socket: socket as Socket };
      ws.on('error', () => ws.terminate());
      ws.on('message', (data: Buffer) => perform(connection, JSON.parse(data.toString())));
      ws.send('{"jsonrpc":"2.0","method":"connected","params":{}}');
      onOpen(connection);
    });
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  announce((server.address() as AddressInfo).port);
}

/** Tells whoever asked for a job what it is called. */
export function answerJob({ ws }: Connection, id: number, jobId: string): void {
  ws.send(JSON.stringify({ jsonrpc: '2.0', id, result: { jobId } }));
}
