/**
 * The last resort of `cc-executor up` where no Redis is installed: `embedded-redis.ts <port>` serves a Redis
 * written in JavaScript, on loopback, in memory only. For trying things out: slow, and nothing survives.
 */
import { once } from 'node:events';
import { createRedisServer } from 'js-redis-server';

const port = Number(process.argv[2]);
const { server } = await createRedisServer();
const listener = server.server;

// It offers no way to choose the address and listens on all of them: close that, and open loopback instead.
listener.close();
await once(listener, 'close');
listener.listen({ host: '127.0.0.1', port });
await once(listener, 'listening');

process.on('SIGTERM', () => process.exit(0));
