/** Turns what upstream sends into events of the log. */
import type { UpstreamEvent } from '@cc-executor/claude-api-client';
import type { JobSpec } from '@cc-executor/job-log';
import type { LogWriter } from './log-writer.ts';
import { createStartNotice } from './start-notice.ts';
import { createToolEvents } from './tool-events.ts';

/** A longer piece of text becomes several events (UTF-16 units): in JSON one takes six bytes at most, and all fit a frame. */
const MAX_TEXT_LENGTH = 32 * 1024;

export type EventTranslator = {
  take(event: Exclude<UpstreamEvent, { type: 'end' | 'paused' | 'resumed' }>): void;
  /** Writes what it waits with: something follows that is to come after it. */
  settle(): void;
};

/**
 * Writes to the log what clients are to see; remembers where the current text block began, for a `reset`. Without
 * `toolMessages` tools are told by their events alone.
 */
export function createEventTranslator(
  writer: Pick<LogWriter, 'write' | 'writeText'>,
  { toolMessages = true }: Pick<JobSpec, 'toolMessages'> = {},
): EventTranslator {
  let blockSeq: number | undefined;
  /** A block begins with the next piece that is not empty. */
  let begins = false;
  const start = createStartNotice(writer);
  const tools = createToolEvents();

  function writeMessage(message: Record<string, unknown>): void {
    const { events, isAll } = tools.read(message);
    if (toolMessages || !isAll) writer.write({ type: 'message', message });
    for (const event of events) writer.write(event);
  }

  function writeText({ text, begin, written }: Extract<UpstreamEvent, { type: 'text' }>): void {
    begins ||= begin;
    // What is not cut goes on as it came.
    const json = text.length <= MAX_TEXT_LENGTH ? written?.json : undefined;
    for (let from = 0; from < text.length; ) {
      const to = pieceEnd(text, from);
      const seq = writer.writeText(text.slice(from, to), begins, json);
      if (begins) blockSeq = seq;
      begins = false;
      from = to;
    }
  }

  return {
    settle: start.settle,
    take(event) {
      switch (event.type) {
        case 'started':
          start.begun(event.engine);
          break;
        case 'session':
          start.ready(event);
          break;
        case 'text':
          start.announce();
          writeText(event);
          break;
        case 'discard':
          if (blockSeq !== undefined) {
            writer.write({ type: 'reset', discardFromSeq: blockSeq, reason: event.reason });
          }
          break;
        case 'message':
          start.announce();
          writeMessage(event.message);
          break;
        case 'notice':
          start.announce();
          writer.write({ type: 'notice', message: event.message });
          break;
        case 'throttled':
          writer.write({ type: 'throttled', untilMs: Date.now() + event.delayMs, reason: event.reason });
          break;
        default:
          event satisfies never;
      }
    },
  };
}

/** Where a piece that begins at `from` ends: never between the halves of a surrogate pair. */
function pieceEnd(text: string, from: number): number {
  const end = Math.min(from + MAX_TEXT_LENGTH, text.length);
  const isHighSurrogate = end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isHighSurrogate ? end - 1 : end;
}
