/** Runs the embedded Redis for `cc-executor up`: `embedded-redis.ts <port> <address>`. */
import { serveEmbedded } from '@cc-executor/local-redis/embedded';
import { readOwnPassword } from './own-password.ts';

const [port, host] = process.argv.slice(2);
await serveEmbedded({ port: Number(port), host, password: readOwnPassword() });
