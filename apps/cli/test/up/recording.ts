/** Records what a stack or a child reports, and waits for a line of it. */
import type { Reporter } from '../../src/up/reporter.ts';

export type Recording = {
  readonly lines: string[];
  add(line: string): void;
  /** Resolves with the match of the first line, past or future, that matches. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  readonly reporter: Reporter;
};

export function createRecording(): Recording {
  const lines: string[] = [];
  const waiting = new Set<() => void>();

  function add(line: string): void {
    lines.push(line);
    for (const check of [...waiting]) check();
  }

  return {
    lines,
    add,
    waitFor: (pattern) =>
      new Promise((resolve) => {
        const check = () => {
          const match = lines.map((line) => pattern.exec(line)).find((found) => found !== null);
          if (match === undefined || match === null) return;
          waiting.delete(check);
          resolve(match);
        };
        waiting.add(check);
        check();
      }),
    reporter: {
      say: (message) => add(`up: ${message}`),
      warn: (message) => add(`up! ${message}`),
      show: (message) => add(`up: ${message}`),
      line: (source, text) => add(`${source}: ${text}`),
    },
  };
}
