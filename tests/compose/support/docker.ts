/** The docker command, as the tests use it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Of this repository. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs it in the repository; resolves with what it wrote to standard output. Rejects with what it said. */
export async function docker(
  args: readonly string[],
  { env = {}, signal }: { env?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<string> {
  const { stdout } = await run('docker', args, {
    cwd: root,
    // Nothing of the caller's own settings for the stack, but how to reach the engine and the registry.
    env: {
      ...pick(/^(PATH|HOME|NPMRC|.*_PROXY|DOCKER_.*|BUILDKIT_.*)$/i),
      COMPOSE_DISABLE_ENV_FILE: '1',
      ...env,
    },
    maxBuffer: 64 * 1024 * 1024,
    ...(signal && { signal, killSignal: 'SIGINT' }),
  });
  return stdout;
}

/** The objects that `docker … ls --format json` lists. */
export async function list<T = Record<string, string>>(...args: string[]): Promise<T[]> {
  const text = await docker([...args, '--format', 'json']);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** Why there can be no containers here; undefined when there can. */
export async function whyNoEngine(): Promise<string | undefined> {
  try {
    await docker(['info']);
    await docker(['compose', 'version']);
    await docker(['buildx', 'version']);
    return undefined;
  } catch (error) {
    const { code, stderr = '', message } = error as { code?: unknown; stderr?: string; message: string };
    if (code === 'ENOENT') return 'there is no docker command';
    return `docker does not work here: ${(stderr.trim() || message).split('\n').at(-1)}`;
  }
}

function pick(names: RegExp): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
}
