/**
 * The last resort where there is no Redis: one written in JavaScript, in memory only. For trying things out: slow, and
 * nothing survives.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import {
  attachSession,
  createRedisCommandExecutor,
  RedisServerState,
  SocketConnectionTransport,
} from 'js-redis-server/core';
import { spareCopies } from './embedded-copies.ts';
import { subscriptionsInOneReply } from './embedded-subscriptions.ts';

/** No command of Redis begins so; GET does, but with no such key. */
const LIKE_HTTP = /^(HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|GET (\/|https?:))/i;

const compatibility = 'redis-7.0';

/**
 * Serves in this process, whose standard output says when it is ready, until SIGTERM or the end of standard input, which
 * its parent holds.
 *
 * @param where.password undefined: everybody who reaches the port is served
 */
export async function serveEmbedded(where: {
  port: number;
  host: string | undefined;
  password: string | undefined;
}): Promise<void> {
  const { password, ...address } = where;
  const state = new RedisServerState({
    compatibility,
    databaseCount: 16,
    ...(password === undefined ? {} : { requirepass: password }),
  });
  spareCopies(state);
  const executor = createRedisCommandExecutor({ compatibility, policies: [subscriptionsInOneReply] });

  function serve(socket: Socket): void {
    const clientAddress = `${socket.remoteAddress}:${socket.remotePort}`;
    const { session } = attachSession(new SocketConnectionTransport(socket), {
      state,
      executor,
      clientAddress,
    });
    // By itself it looks at the socket between two commands only: what waits in one would take what it waits for when its
    // client has gone.
    socket.on('readable', () => socket.read(0));
    socket.once('close', () => session.close());
  }

  const listener = createServer({ keepAlive: true }, (socket) => {
    // It would skip the headers of a request that a web page makes a browser send, and run the lines of its body.
    const drop = () => socket.destroy();
    socket.on('error', drop);
    socket.once('readable', () => {
      const first: Buffer | null = socket.read();
      if (first === null || LIKE_HTTP.test(first.toString('latin1', 0, 16))) return drop();
      socket.off('error', drop);
      socket.unshift(first);
      serve(socket);
    });
  });
  listener.listen(address);
  await once(listener, 'listening');
  process.stdout.write('Ready to accept connections\n');

  process.on('SIGTERM', () => process.exit(0));
  process.stdin.on('end', () => process.exit(0)).resume();
}
