/** Serves the embedded Redis, for tests: `embedded-server.ts <port> <address>`. It asks for no password. */
import { serveEmbedded } from './embedded.ts';

const [port, host] = process.argv.slice(2);
await serveEmbedded({ port: Number(port), host, password: undefined });
