/**
 * Which Redis `cc-executor up` uses: the one of REDIS_URL; else an installed server, started on a free
 * loopback port with its data in the checkout; else the embedded one.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redactUrl } from '@cc-executor/runtime';
import { UpError } from './up-error.ts';

export interface RedisChoice {
  readonly kind: 'external' | 'server' | 'embedded';
  readonly url: string;
  /** What it is, for people; without credentials. */
  readonly description: string;
  /** The script to run in a process of our own, and its arguments; undefined for an external Redis. */
  readonly run: { readonly script: string; readonly args: readonly string[] } | undefined;
}

const PROGRAMS = ['redis-server', 'valkey-server'];

/**
 * Chooses.
 *
 * @param options.port the free port that a Redis of ours shall use
 * @param options.folder where its data goes
 * @throws UpError when there is none at all
 */
export function chooseRedis(options: {
  redisUrl: string | undefined;
  path: string | undefined;
  port: number;
  folder: string;
}): RedisChoice {
  const { redisUrl, path, port, folder } = options;
  if (redisUrl !== undefined) {
    return {
      kind: 'external',
      url: redisUrl,
      description: `${redactUrl(redisUrl)} (REDIS_URL)`,
      run: undefined,
    };
  }
  const url = `redis://127.0.0.1:${port}`;
  const program = findProgram(PROGRAMS, path);
  if (program !== undefined) {
    return {
      kind: 'server',
      url,
      description: `${url} (${program.name}, data in ${folder})`,
      run: {
        script: fileURLToPath(new URL('./redis-guard.ts', import.meta.url)),
        args: [folder, program.file, ...serverArguments(port, folder)],
      },
    };
  }
  if (!isInstalled('js-redis-server')) {
    throw new UpError(
      `no Redis: REDIS_URL is not set, there is no ${PROGRAMS.join(' or ')} on PATH, and the embedded one is not installed`,
    );
  }
  return {
    kind: 'embedded',
    url,
    description: `${url} (EMBEDDED: slow, in memory, nothing survives; install redis-server or set REDIS_URL)`,
    run: {
      script: fileURLToPath(new URL('./embedded-redis.ts', import.meta.url)),
      args: [String(port)],
    },
  };
}

/** The first of these programs that a PATH holds. */
export function findProgram(
  names: readonly string[],
  path: string | undefined,
): { name: string; file: string } | undefined {
  const folders = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const file = join(folder, name);
      if (isExecutable(file)) return { name, file };
    }
  }
  return undefined;
}

function serverArguments(port: number, folder: string): string[] {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    save: '',
    loglevel: 'notice',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not for us: look on.
    return false;
  }
}

function isInstalled(packageName: string): boolean {
  try {
    import.meta.resolve(packageName);
    return true;
  } catch {
    // Optional: left out by `npm install --omit`.
    return false;
  }
}
