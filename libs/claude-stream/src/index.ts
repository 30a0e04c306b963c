/** Reads what Claude Code prints: lines, events, the answer's digest, the verdict. Pure. */
export {
  createLineSplitter,
  DEFAULT_MAX_LINE_BYTES,
  type LineSplitter,
  LineTooLongError,
} from './line-splitter.ts';
export type { RunEvent, StreamEvent } from './stream-event.ts';
export type { ClaudeResult, Complete, JsonObject } from './stream-line.ts';
export { createStreamReader, type StreamReader } from './stream-reader.ts';
export { createTextDigest, type TextDigest } from './text-digest.ts';
export { type ClaudeFailureCode, judgeResult, type Verdict } from './verdict.ts';
