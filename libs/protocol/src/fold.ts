/**
 * Folds a job's events into its text. Folding a replay and then a tail gives what folding all at once gives:
 * the state is the whole memory of it.
 */
import type { EventHead, JobEvent } from './generated/messages.ts';

type Piece = { seq: number; text: string; begin: boolean };

export type Fold = { readonly pieces: readonly Piece[] };

export const emptyFold: Fold = { pieces: [] };

/** As it is written, or as it is read. */
type Foldable = WithSeqAlone<JobEvent>;
type WithSeqAlone<E> = E extends EventHead ? Omit<E, Exclude<keyof EventHead, 'seq'>> : never;

/** Takes events into the fold; changes nothing but the returned value. Copies what it holds: give it many at once. */
export function foldEvents(fold: Fold, events: Iterable<Foldable>): Fold {
  let pieces = [...fold.pieces];
  for (const event of events) {
    if (event.type === 'output') {
      pieces.push({ seq: event.seq, text: event.text, begin: event.begin === true });
    } else if (event.type === 'reset') {
      pieces = pieces.filter((piece) => piece.seq < event.discardFromSeq);
    }
  }
  return { pieces };
}

/** Whether folding this event changes anything. */
export function changesText({ type }: Pick<JobEvent, 'type'>): boolean {
  return type === 'output' || type === 'reset';
}

/** All text blocks, joined: what the digest is taken of. */
export function foldedText(fold: Fold): string {
  return fold.pieces.map((piece) => piece.text).join('');
}

/** The last text block: what Claude Code calls its result. */
export function foldedAnswer(fold: Fold): string {
  const start = fold.pieces.findLastIndex((piece) => piece.begin);
  return fold.pieces
    .slice(Math.max(start, 0))
    .map((piece) => piece.text)
    .join('');
}
