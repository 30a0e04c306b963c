/**
 * The last resort where there is no Redis: one written in JavaScript, in memory only. For trying things out: slow, and
 * nothing survives.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createRedisServer } from 'js-redis-server';

/** No command of Redis begins so; GET does, but with no such key. */
const LIKE_HTTP = /^(HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|GET (\/|https?:))/i;

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
  const { server, state } = await createRedisServer({ compatibility: 'redis-7.0' });
  // Its constructor takes one, but is out of reach.
  Object.assign(state, { requirepass: password });
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
  listener.listen(address);
  await once(listener, 'listening');
  process.stdout.write('Ready to accept connections\n');

  process.on('SIGTERM', () => process.exit(0));
  process.stdin.on('end', () => process.exit(0)).resume();
}
