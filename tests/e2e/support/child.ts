/** A child process of a test: what it writes is kept and can be waited for, and it never outlives the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killWithParent, quickStart } from '@cc-executor/testing';
import { onTestFinished } from 'vitest';

export type Child = {
  process: ChildProcess;
  pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves when what it has written matches; rejects, with all of it, when it ends first. */
  untilOutput(pattern: RegExp): Promise<RegExpExecArray>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

export type ChildOptions = { env?: NodeJS.ProcessEnv; input?: string };

/** Runs a script with this Node; without `input` its standard input is empty. */
export function runNode(
  [script, ...args]: readonly [string, ...string[]],
  options: ChildOptions = {},
): Child {
  return runProgram(process.execPath, [...quickStart(script), ...args], options);
}

/** What a program needs that knows its user, and keeps nothing in that user's folders. */
function inherited(): NodeJS.ProcessEnv {
  const { PATH, HOME, XDG_CONFIG_HOME, XDG_STATE_HOME } = process.env;
  return { PATH, HOME, XDG_CONFIG_HOME, XDG_STATE_HOME };
}

/** Runs any program; without `input` its standard input is empty. */
export function runProgram(
  program: string,
  args: readonly string[],
  { env, input }: ChildOptions = {},
): Child {
  const child = spawn(program, args, {
    env: { ...inherited(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  killWithParent(child);
  // It may end before it has read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let [stdout, stderr] = ['', ''];
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const look of waiting) look();
  };
  child.stdout.setEncoding('utf8').on('data', (data) => {
    stdout += data;
    tell();
  });
  child.stderr.setEncoding('utf8').on('data', (data) => {
    stderr += data;
    tell();
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  function untilOutput(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (match === null) return;
        waiting.delete(look);
        resolve(match);
      };
      waiting.add(look);
      look();
      ended.then(() => reject(new Error(`ended without ${pattern}:\n${stdout}\n${stderr}`)));
    });
  }

  return {
    process: child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    untilOutput,
    ended,
  };
}

/** Path of a file in fixtures/. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}
