/** A job's output as far as a page shows it: bounded, and cut in the middle. */
import type { OutputEvent, ResetEvent } from '@cc-executor/protocol/plain';

/** How many characters of the beginning, and of the end, are kept at least. */
const HEAD = 20_000;
const TAIL = 100_000;

type Piece = { seq: number; text: string };

export type OutputText = {
  take(event: OutputEvent | ResetEvent): void;
  /** The beginning, how many characters are left out after it, and the end. */
  parts(): { head: string; cut: number; tail: string };
};

export function createOutputText(): OutputText {
  let head: Piece[] = [];
  let tail: Piece[] = [];
  let [headLength, tailLength, cut] = [0, 0, 0];

  function push({ seq, text, begin }: OutputEvent): void {
    const piece = { seq, text: begin && headLength > 0 ? `\n\n${text}` : text };
    if (headLength < HEAD && tail.length === 0) {
      head.push(piece);
      headLength += piece.text.length;
      return;
    }
    tail.push(piece);
    tailLength += piece.text.length;
    while (tailLength - (tail[0]?.text.length ?? 0) > TAIL) {
      const gone = tail.shift()?.text.length ?? 0;
      tailLength -= gone;
      cut += gone;
    }
  }

  function discardFrom(seq: number): void {
    head = head.filter((piece) => piece.seq < seq);
    tail = tail.filter((piece) => piece.seq < seq);
    [headLength, tailLength] = [lengthOf(head), lengthOf(tail)];
    // What was left out came after the head.
    if (headLength < HEAD) cut = 0;
  }

  return {
    take: (event) => (event.type === 'output' ? push(event) : discardFrom(event.discardFromSeq)),
    parts: () => ({ head: textOf(head), cut, tail: textOf(tail) }),
  };
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('');
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { text }) => sum + text.length, 0);
}
