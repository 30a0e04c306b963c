/** With what a Redis of our own is run. */
import { fileURLToPath } from 'node:url';

/** What every one of them reads first: it keeps what it accepts. */
export const configurationFile = fileURLToPath(new URL('../redis.conf', import.meta.url));

/** Run with Node and `[port, address]`, it is the embedded server. */
export const embeddedScript = fileURLToPath(new URL('./embedded-server.ts', import.meta.url));

/** The arguments of redis-server or valkey-server. @param settings go before those of redis.conf */
export function serverArguments(
  where: { port: number; host: string; folder: string },
  settings: Readonly<Record<string, string>> = {},
): string[] {
  const all = { port: String(where.port), bind: where.host, dir: where.folder, ...settings };
  return [configurationFile, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])];
}
