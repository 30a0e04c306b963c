/** Runs a program to its end, within a time limit, and ends all of it when it may not go on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export type Outcome = {
  /** Undefined when it ended with 0. */
  fault: string | undefined;
  stdout: string;
  stderr: string;
};

/** Never rejects but with `signal`'s reason. @param options.timeoutMs after which it is killed */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Outcome> {
  const { timeoutMs, signal } = options;
  signal?.throwIfAborted();
  let child: ChildProcess;
  try {
    // A group of its own: what it has started is ended with it.
    child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  } catch (error) {
    // Node throws for what it does not expect of a program, such as another machine's format.
    return { fault: (error as Error).message, stdout: '', stderr: '' };
  }
  const kill = () => killGroup(child);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const [code, endedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    signal?.throwIfAborted();
    const fault = isLate
      ? `it had not ended after ${timeoutMs / 1_000} s`
      : code === 0
        ? undefined
        : (lastLine(stderr()) ?? `it ended with ${endedBy ?? `exit code ${code}`}`);
    return { fault, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    signal?.throwIfAborted();
    return { fault: (error as Error).message, stdout: '', stderr: '' };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: it has ended.
  }
}

function collect(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (data: string) => {
    text += data;
  });
  return () => text;
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.trim() || undefined;
}
