/** The chosen Redis as a part of the stack: its address, its process where it is one of ours, its words for people. */
import { fileURLToPath } from 'node:url';
import { type RedisChoice, serverArguments } from '@cc-executor/local-redis';
import { redactUrl } from '@cc-executor/runtime';
import { tellPassword } from './own-password.ts';

export type StackRedis = {
  readonly kind: RedisChoice['kind'];
  readonly url: string;
  /** What it is, for people; without credentials. */
  readonly description: string;
  /** The script to run in a process of our own, and its arguments; undefined for an external Redis. */
  readonly run:
    | { readonly script: string; readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv }
    | undefined;
};

const GUARD = fileURLToPath(new URL('./redis-guard.ts', import.meta.url));
const EMBEDDED = fileURLToPath(new URL('./embedded-redis.ts', import.meta.url));

/**
 * Says how the chosen Redis is run.
 *
 * @param where.port the free port that a Redis of ours shall use
 * @param where.folder where its data goes
 * @param where.password what a Redis of ours asks for; told it by its environment, which only this user can read
 */
export function planRedis(
  choice: RedisChoice,
  where: { host: string; port: number; folder: string; password: string },
): StackRedis {
  const { kind } = choice;
  if (kind === 'external') {
    const { url } = choice;
    return { kind, url, description: `${redactUrl(url)} (REDIS_URL)`, run: undefined };
  }
  const { host, port, folder, password } = where;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const url = `redis://:${password}@${address}`;
  const env = tellPassword(password);
  if (kind === 'embedded') {
    return {
      kind,
      url,
      description: `redis://${address} (EMBEDDED: slow, in memory, nothing survives; install redis-server or set REDIS_URL)`,
      run: { script: EMBEDDED, args: [String(port), host], env },
    };
  }
  const { name, version, file } = choice.program;
  const origin = kind === 'fetched' ? ', fetched; FETCH_REDIS=off forbids it' : '';
  return {
    kind,
    url,
    description: `redis://${address} (${name} ${version}${origin}; data in ${folder})`,
    run: { script: GUARD, args: [folder, file, ...serverArguments(where)], env },
  };
}
