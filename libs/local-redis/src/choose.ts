/**
 * Which Redis is used on this machine: the one of REDIS_URL; else an installed server; else one fetched into this
 * checkout's cache; else the embedded one. The first that works, and why those before it do not.
 */
import { findPackageJSON } from 'node:module';
import { FetchError } from './debian.ts';
import { fetchServer, serverCache } from './fetched.ts';
import { findPrograms, type RedisProgram, SERVER_NAMES, tryServer } from './programs.ts';

export type RedisChoice = (
  | { readonly kind: 'external'; readonly url: string }
  | { readonly kind: 'installed' | 'fetched'; readonly program: RedisProgram }
  | { readonly kind: 'embedded' }
) & {
  /** Why it is none of those that would have come before, in words, one each. */
  readonly passedOver: readonly string[];
};

export type ChooseOptions = {
  redisUrl?: string | undefined;
  path: string | undefined;
  /** Whether a server may be fetched, or one used that was fetched before. */
  mayFetch: boolean;
  /** The folder of fetched servers, unless it is this checkout's. */
  cache?: string | undefined;
  signal?: AbortSignal | undefined;
  /** A server is about to be fetched into this folder. */
  onFetch?: ((folder: string) => void) | undefined;
};

/** There is none at all: not even the embedded one is installed. */
export class NoRedisError extends Error {
  override readonly name = 'NoRedisError';
}

/** Chooses. Errors: `NoRedisError`, the signal's reason. */
export async function chooseRedis(options: ChooseOptions): Promise<RedisChoice> {
  const { redisUrl, path, mayFetch, cache = serverCache, signal, onFetch } = options;
  if (redisUrl !== undefined) return { kind: 'external', url: redisUrl, passedOver: [] };
  const passedOver: string[] = [];
  for (const file of findPrograms(SERVER_NAMES, path)) {
    const tried = await tryServer(file, signal);
    if ('program' in tried) return { kind: 'installed', program: tried.program, passedOver };
    passedOver.push(`${file} cannot run: ${tried.fault}`);
  }
  if (passedOver.length === 0) passedOver.push(`there is no ${SERVER_NAMES.join(' or ')} on PATH`);
  if (mayFetch) {
    try {
      const program = await fetchServer({ path, cache, signal, onFetch });
      return { kind: 'fetched', program, passedOver };
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      passedOver.push(`none could be fetched: ${error.message}`);
    }
  } else {
    passedOver.push('none may be fetched (FETCH_REDIS)');
  }
  if (isInstalled('js-redis-server')) return { kind: 'embedded', passedOver };
  throw new NoRedisError(
    `no Redis: REDIS_URL is not set; ${passedOver.join('; ')}; and the embedded one is not installed`,
  );
}

function isInstalled(packageName: string): boolean {
  try {
    return findPackageJSON(packageName, import.meta.url) !== undefined;
  } catch {
    // Optional: left out by `npm install --omit`.
    return false;
  }
}
