/**
 * Recognises the commonest line, a piece of text as Claude Code writes it, without parsing all of it. Whatever looks another
 * way, be it only in the order of its members, is left to the parser: what is read here is what that would have read.
 */

import { isAscii, isUtf8 } from 'node:buffer';
import type { Written } from './stream-event.ts';

/** A parser in native code is faster with longer lines, and a match of millions of characters would overflow V8's stack. */
const MAX_LENGTH = 2_048;

/**
 * The text of `event.delta`, whose escapes cost a step each but not its other characters; then members that say nothing of the
 * text. A name more than once, or an escape in them, is no match.
 */
const TEXT_DELTA =
  /^\{"type":"stream_event","event":\{"type":"content_block_delta","index":(?:0|[1-9]\d{0,5}),"delta":\{"type":"text_delta","text":"([^"\\\p{Cc}]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\p{Cc}]*)*)"\}\}(?:,"(?:session_id|uuid|api_message_id)":"[^"\\\p{Cc}]*"|,"parent_tool_use_id":null)*\}$/u;

/** What a long line begins with, up to its text, and what it ends with. */
const BEFORE_TEXT =
  /^\{"type":"stream_event","event":\{"type":"content_block_delta","index":(?:0|[1-9]\d{0,5}),"delta":\{"type":"text_delta","text":"/;
const BEHIND_TEXT =
  /"\}\}(?:,"(?:session_id|uuid|api_message_id)":"[ !#-[\]-~]*"|,"parent_tool_use_id":null)*\}$/;
const MAX_BEFORE_BYTES = 128;
const MAX_BEHIND_BYTES = 512;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;

/** A piece of text, and how it is written in its line: as `JSON.stringify` would write it. */
export type LongPiece = Written & { text: string };

/**
 * The same of a long line, as bytes: what it says goes on as it stands. Undefined also when the text is written in another way
 * than ours, has half of a pair, or is no UTF-8.
 */
export function readLongTextDelta(line: Buffer): LongPiece | undefined {
  const from = BEFORE_TEXT.exec(line.toString('latin1', 0, MAX_BEFORE_BYTES))?.[0].length;
  if (from === undefined) return undefined;
  const backslash = line.indexOf(BACKSLASH, from);
  const behindAt = Math.max(from, line.length - MAX_BEHIND_BYTES);
  // Without a backslash the first quote is its end; otherwise it is the one behind which nothing else comes.
  const quote = backslash === -1 ? line.indexOf(QUOTE, from) : behindAt;
  if (quote < behindAt) return undefined;
  const behind = BEHIND_TEXT.exec(line.toString('latin1', quote));
  if (behind === null || (backslash === -1 && behind.index > 0)) return undefined;
  const json = line.subarray(from, quote + behind.index);
  const isPlain = backslash === -1;
  if (isAscii(json)) return pieceOf(json, json.toString('latin1'), isPlain);
  return isUtf8(json) ? pieceOf(json, json.toString(), isPlain) : undefined;
}

function pieceOf(json: Buffer, written: string, isPlain: boolean): LongPiece | undefined {
  // What is to be escaped and is not makes it longer.
  if (isPlain) {
    return JSON.stringify(written).length === written.length + 2
      ? { text: written, json, isPlain }
      : undefined;
  }
  const quoted = `"${written}"`;
  try {
    const text: string = JSON.parse(quoted);
    // Half of a pair means nothing by itself, and something else with what may follow it.
    return JSON.stringify(text) === quoted && text.isWellFormed() ? { text, json, isPlain } : undefined;
  } catch {
    return undefined;
  }
}

/** The text of such a line of the main conversation; undefined when it is, or may be, another. */
export function readTextDelta(line: string): string | undefined {
  if (line.length > MAX_LENGTH) return undefined;
  const escaped = TEXT_DELTA.exec(line)?.[1];
  if (escaped === undefined) return undefined;
  return escaped.includes('\\') ? (JSON.parse(`"${escaped}"`) as string) : escaped;
}
