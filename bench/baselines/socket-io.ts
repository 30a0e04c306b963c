/**
 * Socket.IO with its Redis Streams adapter and connection state recovery, which promises that a client that comes back gets
 * what it missed.
 *
 *   socket-io.ts UPSTREAM_URL REDIS_URL
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { announce } from '../announce.ts';
import { callClaude, nextJobId, shortFrame } from './claude-call.ts';

const [upstreamUrl = '', redisUrl = ''] = process.argv.slice(2);

/** Enough for what a case leaves behind. */
const EVENTS_KEPT = 100_000;

const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  connectionStateRecovery: {},
  adapter: createAdapter(new Redis(redisUrl), { maxLen: EVENTS_KEPT }),
});
io.on('connection', (socket) => {
  socket.on('execute', ({ prompt }: { prompt: string }) => {
    const jobId = nextJobId();
    void socket.join(jobId);
    void callClaude({ upstreamUrl, jobId, prompt }, shortFrame, (frame) => io.to(jobId).emit('event', frame));
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
announce((server.address() as AddressInfo).port);
