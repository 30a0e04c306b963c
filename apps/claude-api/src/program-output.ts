/**
 * What a program of the operator's prints, such as the client of a vault. One that takes too long, or prints too much, is
 * ended with all that is in its process group: a shell that is killed alone leaves behind what it waits for.
 */
import { spawn } from 'node:child_process';
import type { Environment } from './cli-environment.ts';
import { signalGroup } from './process-tree.ts';

/** Why there is no output, in words that tell nothing of the program or its environment. */
export class ProgramFault extends Error {}

/** The groups of those that run now. */
const running = new Set<number>();

/**
 * Runs it without input.
 *
 * @throws ProgramFault when it cannot be run, fails, or is ended
 */
export function readOutput(
  [file = '', ...args]: readonly string[],
  { env, withinMs, maxBytes }: { env: Environment; withinMs: number; maxBytes: number },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(file, args, { env: { ...env }, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  const chunks: Buffer[] = [];
  let bytes = 0;

  function giveUp(reason: string): void {
    reject(new ProgramFault(reason));
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    child.stdout.destroy();
  }

  const late = setTimeout(() => giveUp(`it did not end within ${withinMs} ms`), withinMs);
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) giveUp(`it printed more than ${maxBytes} bytes`);
  });
  child.once('error', ({ code }: NodeJS.ErrnoException) => {
    clearTimeout(late);
    reject(new ProgramFault(`it could not be run (${code})`));
  });
  child.once('close', (code, signal) => {
    clearTimeout(late);
    if (pid !== undefined) running.delete(pid);
    if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
    else
      reject(new ProgramFault(code === null ? `${signal} ended it` : `it ended with the exit code ${code}`));
  });
  return promise;
}

/** Ends those that run, without giving way: for the end of this process. */
export function killPrograms(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
}
