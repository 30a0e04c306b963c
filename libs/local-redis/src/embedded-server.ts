/**
 * The last resort where there is no Redis: `embedded-server.ts <port> <address>` serves one written in JavaScript, in
 * memory only. For trying things out: slow, and nothing survives. It ends with its parent, which holds its standard input.
 */
import { once } from 'node:events';
import { createRedisServer } from 'js-redis-server';

const [port, host] = process.argv.slice(2);
const { server } = await createRedisServer({ compatibility: 'redis-7.0' });
const listener = server.server;

// It offers no way to choose the address and listens on all of them: close that, and open ours instead.
listener.close();
await once(listener, 'close');
listener.listen({ host, port: Number(port) });
await once(listener, 'listening');
process.stdout.write('Ready to accept connections\n');

process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();
