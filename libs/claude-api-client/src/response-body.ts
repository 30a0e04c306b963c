/** What reads a response's body, whatever its format. Pure: bytes in, events and finally an outcome out. */
import type { RunSummary } from '@cc-executor/protocol';
import type { UpstreamEvent, UpstreamOutcome } from './upstream-events.ts';

/** What some bytes meant for the watchdogs: nothing, claude-api says that it is there, Claude Code lives, or output. */
export const progress = { none: 0, ping: 1, alive: 2, output: 3 } as const;
export type Progress = (typeof progress)[keyof typeof progress];

/** How the bytes ended. */
export type BodyEnd =
  /** The last line came; whatever follows is of no interest. */
  | { kind: 'complete' }
  /** A result came, and for a while nothing after it. */
  | { kind: 'lingered' }
  /** The response ended in good order; `framed` if a cut would have looked otherwise. */
  | { kind: 'end'; framed: boolean }
  | { kind: 'cut'; detail: string };

export type ResponseBody = {
  /** A line came after which nothing can come. */
  readonly isComplete: boolean;
  /** There is evidence of an end, but a better one may still come. */
  readonly isResting: boolean;
  /**
   * Reads bytes and appends what they bring to `events`.
   * @throws LineTooLongError
   */
  read(chunk: Uint8Array, events: UpstreamEvent[]): Progress;
  /** Reads what is left when the bytes have ended in good order. */
  readRest(events: UpstreamEvent[]): void;
  judge(end: BodyEnd): UpstreamOutcome;
  summary(): RunSummary;
};
