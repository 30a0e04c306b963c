/**
 * Takes the preamble off a plain-text answer: `Execution ID: …`, `Starting execution: …`, and a line of `=` after
 * one of them. Only at the very beginning, in this order, each at most once. Text is held back only while it may
 * still be a preamble's line.
 */

const MAX_LINE_LENGTH = 1_000;

export type Preamble = {
  /** The execution's id, once its line has come. */
  readonly executionId: string | undefined;
  /** Takes text, gives the part of it that belongs to the answer. */
  push(text: string): string;
  /** Gives what is still held back when no more text comes. */
  end(): string;
};

export function createPreamble(): Preamble {
  const lines = ['Execution ID:', 'Starting execution:', '='];
  let executionId: string | undefined;
  let held = '';
  let expected = 0;
  let over = false;

  function release(): string {
    const text = held;
    held = '';
    over = true;
    return text;
  }

  /** Which preamble line this begins, as far as it has come; -1 for none. */
  function match(line: string): number {
    for (let index = expected; index < lines.length; index += 1) {
      const start = lines[index] as string;
      if (start === '=') {
        if (expected > 0 && /^=+\r?$/.test(line)) return index;
      } else if (line.startsWith(start) || start.startsWith(line)) return index;
    }
    return -1;
  }

  return {
    get executionId() {
      return executionId;
    },
    push(text) {
      if (over) return text;
      held += text;
      while (held !== '') {
        const lineEnd = held.indexOf('\n');
        const line = lineEnd === -1 ? held : held.slice(0, lineEnd);
        const index = match(line);
        if (index === -1 || line.length > MAX_LINE_LENGTH) return release();
        if (lineEnd === -1) return '';
        // A whole line that is only the beginning of one we know.
        if (!line.startsWith(lines[index] as string)) return release();
        if (index === 0) executionId = line.slice('Execution ID:'.length).trim();
        held = held.slice(lineEnd + 1);
        expected = index + 1;
        if (expected === lines.length) return release();
      }
      return '';
    },
    end: release,
  };
}
