/**
 * Child process of test-redis.ts: serves the embedded Redis on a loopback port and prints the port.
 * It ends with its parent: when standard input closes.
 */
import { createRedisMock } from 'js-redis-server';

const mock = await createRedisMock({ port: Number(process.argv[2] ?? 0), compatibility: 'redis-7.0' });
process.stdout.write(`Ready to accept connections ${mock.port}\n`);
process.stdin.on('end', () => process.exit()).resume();
