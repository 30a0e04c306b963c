/**
 * The last resort where there is no Redis: `embedded-server.ts <port> <address>` serves one written in JavaScript, in
 * memory only. For trying things out: slow, and nothing survives. It ends with its parent, which holds its standard input.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createRedisServer } from 'js-redis-server';

/** No command of Redis begins so; GET does, but with no such key. */
const LIKE_HTTP = /^(HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|GET (\/|https?:))/i;

const [port, host] = process.argv.slice(2);
const { server } = await createRedisServer({ compatibility: 'redis-7.0' });
const listener = server.server;

// It would skip the headers of a request that a web page makes a browser send, and run the lines of its body.
const serveAll = listener.listeners('connection') as ((socket: Socket) => void)[];
listener.removeAllListeners('connection');
listener.on('connection', (socket: Socket) => {
  const drop = () => socket.destroy();
  socket.on('error', drop);
  socket.once('readable', () => {
    const first: Buffer | null = socket.read();
    if (first === null || LIKE_HTTP.test(first.toString('latin1', 0, 16))) return drop();
    socket.off('error', drop);
    socket.unshift(first);
    for (const serve of serveAll) serve.call(listener, socket);
  });
});

// It offers no way to choose the address and listens on all of them: close that, and open ours instead.
listener.close();
await once(listener, 'close');
listener.listen({ host, port: Number(port) });
await once(listener, 'listening');
process.stdout.write('Ready to accept connections\n');

process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
