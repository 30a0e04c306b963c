/** Finds the CLI, and asks it for its version. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Environment } from './cli-environment.ts';
import { readOutput } from './program-output.ts';

const VERSION_WITHIN_MS = 60_000;
const VERSION_MAX_BYTES = 64 * 1024;

/** The path of the program: `bin` itself when it is a path, else the first of that name on PATH. */
export function locateCli(bin: string, env: Environment): string | undefined {
  if (isAbsolute(bin) || bin.includes('/')) return isExecutable(resolve(bin)) ? resolve(bin) : undefined;
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, bin))
    .find(isExecutable);
}

/** Its version. @throws when it does not run, or not within a minute (a cold start is slow). */
export async function readCliVersion(path: string, env: Environment): Promise<string> {
  const limits = { withinMs: VERSION_WITHIN_MS, maxBytes: VERSION_MAX_BYTES };
  const text = await readOutput([path, '--version'], { env, ...limits }).catch((error: Error) => {
    throw new Error(`${path} does not say its version: ${error.message}`);
  });
  return text.trim().split(/\s/, 1)[0] ?? '';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
