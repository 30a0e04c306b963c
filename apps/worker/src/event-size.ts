/**
 * Gives every event a size that any client takes: a message that is too large is shortened, and kept whole apart from its
 * event while there is room for it; anything else but text is shortened where it is longest. Pure.
 */
import { createHash } from 'node:crypto';
import type { KeptBody } from '@cc-executor/job-log';
import { type EventBody, MAX_BODY_PAGE_BYTES, MAX_EVENT_BYTES } from '@cc-executor/protocol';
import { shorten } from './shorten.ts';
import { pagesOf } from './utf8-cuts.ts';

/** What a shortened message may take: enough to see what it is, little for those who want no more. */
const SHORT_MESSAGE_BYTES = 64 * 1024;

/** Members of an ending that are whole or left out: a part could be taken for all. The output events have the text. */
const ANSWERS = ['text', 'structuredOutput'] as const;

export type SizedEvent = {
  /** The event as JSON, with no more than `MAX_EVENT_BYTES`; as bytes where its text came so. */
  json: string | Buffer;
  /** The message that it holds shortened. */
  kept?: Omit<KeptBody, 'seq'>;
};

/**
 * @param bodyRoom how many bytes of whole messages may still be kept of the job
 * @param written of an `output`: how its text stands in JSON between the quotes, where whoever calls has that
 */
export function sizeEvent(event: EventBody, bodyRoom: number, written?: Buffer): SizedEvent {
  // Text is in pieces before it comes here (upstream-events.ts): shortened, it would be another text.
  if (event.type === 'output') return { json: outputJson(event, written) };
  const json = JSON.stringify(event);
  if (fits(json)) return { json };
  if (event.type === 'message') return cutMessage(event, bodyRoom);
  // It is no output, and has to find room also when Redis is full: nothing of it is kept apart.
  if (event.type === 'notice') return cutMessage(event, 0);
  const answer = ANSWERS.find((name) => name in event);
  if (answer) {
    const { [answer]: _, ...rest } = event as EventBody & Record<string, unknown>;
    return sizeEvent(rest as EventBody, bodyRoom);
  }
  return { json: JSON.stringify(shorten(event, MAX_EVENT_BYTES)) };
}

const BEFORE_TEXT = Buffer.from('{"type":"output","text":"');
const BEHIND_TEXT = Buffer.from('"}');
const BEHIND_FIRST_TEXT = Buffer.from('","begin":true}');

/** As `JSON.stringify` writes it, in half the time: nothing comes as often. */
function outputJson(
  { text, begin }: Extract<EventBody, { type: 'output' }>,
  written?: Buffer,
): string | Buffer {
  if (written) return Buffer.concat([BEFORE_TEXT, written, begin ? BEHIND_FIRST_TEXT : BEHIND_TEXT]);
  return `{"type":"output","text":${JSON.stringify(text)}${begin ? ',"begin":true' : ''}}`;
}

function cutMessage(
  { type, message }: Extract<EventBody, { type: 'message' | 'notice' }>,
  bodyRoom: number,
): SizedEvent {
  const text = JSON.stringify(message);
  const bytes = Buffer.byteLength(text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const kept = bytes <= bodyRoom;
  const short = shorten(message, SHORT_MESSAGE_BYTES);
  const json = JSON.stringify({ type, message: short, truncated: { bytes, sha256, kept } });
  return { json, ...(kept ? { kept: { bytes, sha256, pages: pagesOf(text, MAX_BODY_PAGE_BYTES) } } : {}) };
}

function fits(json: string): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8: most events need no counting.
  return json.length * 3 <= MAX_EVENT_BYTES || Buffer.byteLength(json) <= MAX_EVENT_BYTES;
}
