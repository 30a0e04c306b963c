/**
 * Runs a command in the test's own process, which spares it a start: for what a command asks and answers, where other
 * tests start the same command as a process. Nothing of it stays: no listener, no variable, no exit code.
 */
import { onTestFinished, vi } from 'vitest';
import { runProgram } from '../src/program.ts';
import type { CliRun } from './cli-process.ts';

/** One at a time. Standard input is the test's: only for commands that read none. */
export function runHere(
  args: string[],
  { url, env = {} }: { url?: string; env?: Record<string, string> } = {},
): Pick<CliRun, 'ended'> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  const exitCode = process.exitCode;
  vi.stubEnv('CC_EXECUTOR_URL', url);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  // Where the tests run in a terminal, or CI, colours are asked for.
  vi.stubEnv('FORCE_COLOR', undefined);
  let restored = false;
  function restore(): void {
    if (restored) return;
    restored = true;
    stdout.restore();
    stderr.restore();
    vi.unstubAllEnvs();
    process.exitCode = exitCode;
  }
  onTestFinished(restore);

  async function run() {
    process.exitCode = undefined;
    try {
      await runProgram(args);
      return { code: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
    } finally {
      restore();
    }
  }
  return { ended: run() };
}

function capture(stream: NodeJS.WriteStream) {
  let text = '';
  const listeners = stream.listeners('error');
  const spy = vi.spyOn(stream, 'write').mockImplementation((data, ...taken: unknown[]) => {
    text += data;
    const told = taken.at(-1);
    if (typeof told === 'function') told();
    return true;
  });
  return {
    text: () => text,
    restore() {
      spy.mockRestore();
      for (const listener of stream.listeners('error')) {
        if (!listeners.includes(listener)) stream.off('error', listener as () => void);
      }
    },
  };
}
