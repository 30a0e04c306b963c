/** Starts a program of the benchmark in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killWithParent } from '@cc-executor/testing';

export type Program = { child: ChildProcess; pid: number; port: number; stop(): Promise<void> };

/** @param file below bench/; it calls `announce`. Rejects when it exits instead. */
export async function startProgram(file: string, args: readonly string[]): Promise<Program> {
  const child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), args, { serialization: 'json' });
  killWithParent(child);
  const exited = once(child, 'exit');
  const gone = exited.then(([code]) => {
    throw new Error(`${file} exited with ${code}`);
  });
  const [{ port }] = (await Promise.race([once(child, 'message'), gone])) as [{ port: number }];
  gone.catch(() => undefined);
  return {
    child,
    pid: child.pid ?? 0,
    port,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
