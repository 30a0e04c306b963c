/**
 * Follows the answer's text through its two sources: streamed deltas, which come early and may turn out void, and
 * whole blocks (`assistant` and `result` lines), which are the authority.
 * Invariants: at most one block is unsettled, and it is the last one; only an unsettled block is ever discarded;
 * after a successful `result` the last block is its text.
 */
import type { StreamAction } from './stream-reader.ts';

export class AnswerTracker {
  /** The text since the last `begin`, while nothing has confirmed it; undefined when there is none. */
  #unsettled: string | undefined;
  #blockIndex = 0;
  #lastBlock = '';
  /** Streamed blocks that were followed by another before they were confirmed; that may still come. */
  #unconfirmed: string[] = [];

  /** A new message starts: what the one before streamed without confirming it was void. */
  startMessage(actions: StreamAction[]): void {
    this.#unconfirmed = [];
    this.#discard('a new message began', actions);
  }

  /** A new block of any kind starts. The one before can no longer be taken back alone, so it stands. */
  startBlock(index: number): void {
    if (this.#unsettled !== undefined) {
      this.#unconfirmed.push(this.#unsettled);
      this.#settle(this.#unsettled);
    }
    this.#blockIndex = index;
  }

  append(text: string, actions: StreamAction[]): void {
    const begin = this.#unsettled === undefined;
    this.#unsettled = begin ? text : this.#unsettled + text;
    actions.push({ kind: 'text', text, begin });
  }

  /** The blocks from this index on were abandoned. */
  abandon(fromIndex: number, actions: StreamAction[]): void {
    if (this.#blockIndex >= fromIndex) this.#discard('the message was abandoned', actions);
  }

  /** A whole block: confirms what was streamed, or takes its place. */
  confirm(text: string, actions: StreamAction[]): void {
    const waiting = this.#unconfirmed.indexOf(text);
    if (waiting !== -1) {
      this.#unconfirmed.splice(0, waiting + 1);
      return;
    }
    if (this.#unsettled !== text) this.#replace(text, actions);
    this.#settle(text);
  }

  /** A successful result's text: the last block, whatever came before. */
  finish(text: string, actions: StreamAction[]): void {
    if (sameText(this.#unsettled ?? this.#lastBlock, text)) return;
    this.#discard('the result is another text', actions);
    if (!sameText(this.#lastBlock, text)) this.#replace(text, actions);
    this.#settle(text);
  }

  #replace(text: string, actions: StreamAction[]): void {
    this.#discard('the streamed text was not the answer', actions);
    if (text !== '') actions.push({ kind: 'text', text, begin: true });
  }

  #settle(text: string): void {
    if (text !== '') this.#lastBlock = text;
    this.#unsettled = undefined;
  }

  #discard(reason: string, actions: StreamAction[]): void {
    if (this.#unsettled === undefined) return;
    this.#unsettled = undefined;
    actions.push({ kind: 'discard', reason });
  }
}

/** White space around a result's text says nothing: it must not bring the whole answer a second time. */
function sameText(one: string, other: string): boolean {
  return one === other || one.trim() === other.trim();
}
