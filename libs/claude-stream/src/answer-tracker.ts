/**
 * Follows the answer's text through its two sources: streamed deltas, which come early and may turn out void, and
 * whole blocks (`assistant` and `result` lines), which are the authority.
 * Invariants: at most one block is unsettled, and it is the last one; only an unsettled block is ever discarded;
 * after a successful `result` the last block is its text.
 */
import { type BlockText, createBlockText } from './block-text.ts';
import type { StreamEvent, Written } from './stream-event.ts';

/** Each step appends to `events` what it makes of the text. */
export type AnswerTracker = {
  /** A new message starts: what the one before streamed without confirming it was void. */
  startMessage(events: StreamEvent[]): void;
  /** A new block of any kind starts. The one before can no longer be taken back alone, so it stands. */
  startBlock(index: number): void;
  append(text: string, events: StreamEvent[], written?: Written): void;
  /** The blocks from this index on were abandoned. */
  abandon(fromIndex: number, events: StreamEvent[]): void;
  /** A whole block: confirms what was streamed, or takes its place. */
  confirm(text: string, events: StreamEvent[]): void;
  /** A successful result's text: the last block, whatever came before. */
  finish(text: string, events: StreamEvent[]): void;
};

export function createAnswerTracker(): AnswerTracker {
  /** The text since the last `begin`, while nothing has confirmed it; undefined when there is none. */
  let unsettled: BlockText | undefined;
  let blockIndex = 0;
  let lastBlock = createBlockText();
  /** Streamed blocks that were followed by another before they were confirmed; that may still come. */
  let unconfirmed: BlockText[] = [];

  function replace(text: string, events: StreamEvent[]): void {
    discard('the streamed text was not the answer', events);
    if (text !== '') events.push({ type: 'text', text, begin: true });
  }

  function settle(block: BlockText): void {
    if (!block.isEmpty()) lastBlock = block;
    unsettled = undefined;
  }

  function discard(reason: string, events: StreamEvent[]): void {
    if (unsettled === undefined) return;
    unsettled = undefined;
    events.push({ type: 'discard', reason });
  }

  return {
    startMessage(events) {
      unconfirmed = [];
      discard('a new message began', events);
    },
    startBlock(index) {
      if (unsettled !== undefined) {
        unconfirmed.push(unsettled);
        settle(unsettled);
      }
      blockIndex = index;
    },
    append(text, events, written) {
      const begin = unsettled === undefined;
      unsettled ??= createBlockText();
      unsettled.append(text, written?.isPlain ? written.json : undefined);
      events.push({ type: 'text', text, begin, ...(written && { written }) });
    },
    abandon(fromIndex, events) {
      if (blockIndex >= fromIndex) discard('the message was abandoned', events);
    },
    confirm(text, events) {
      const waiting = unconfirmed.findIndex((block) => block.is(text));
      if (waiting !== -1) {
        unconfirmed.splice(0, waiting + 1);
        return;
      }
      if (unsettled?.is(text)) return settle(unsettled);
      replace(text, events);
      settle(createBlockText(text));
    },
    finish(text, events) {
      // White space around a result's text says nothing: it must not bring the whole answer a second time.
      if ((unsettled ?? lastBlock).isAbout(text)) return;
      discard('the result is another text', events);
      if (!lastBlock.isAbout(text)) replace(text, events);
      settle(createBlockText(text));
    },
  };
}
