/**
 * Recognises the commonest line, a piece of text as Claude Code writes it, without parsing all of it. Whatever looks another
 * way, be it only in the order of its members, is left to the parser: what is read here is what that would have read.
 */

/** A parser in native code is faster with longer lines, and a match of millions of characters would overflow V8's stack. */
const MAX_LENGTH = 2_048;

/**
 * The text of `event.delta`, whose escapes cost a step each but not its other characters; then members that say nothing of the
 * text. A name more than once, or an escape in them, is no match.
 */
const TEXT_DELTA =
  /^\{"type":"stream_event","event":\{"type":"content_block_delta","index":(?:0|[1-9]\d{0,5}),"delta":\{"type":"text_delta","text":"([^"\\\p{Cc}]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\p{Cc}]*)*)"\}\}(?:,"(?:session_id|uuid|api_message_id)":"[^"\\\p{Cc}]*"|,"parent_tool_use_id":null)*\}$/u;

/** The text of such a line of the main conversation; undefined when it is, or may be, another. */
export function readTextDelta(line: string): string | undefined {
  if (line.length > MAX_LENGTH) return undefined;
  const escaped = TEXT_DELTA.exec(line)?.[1];
  if (escaped === undefined) return undefined;
  return escaped.includes('\\') ? (JSON.parse(`"${escaped}"`) as string) : escaped;
}
