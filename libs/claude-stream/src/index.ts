/** Reads what Claude Code prints: lines, actions, the answer's digest, the verdict. Pure; no dependencies. */
export {
  createLineSplitter,
  DEFAULT_MAX_LINE_BYTES,
  type LineSplitter,
  LineTooLongError,
} from './line-splitter.ts';
export type { ClaudeResult, Complete, JsonObject } from './stream-line.ts';
export { createStreamReader, type StreamAction, type StreamReader } from './stream-reader.ts';
export { createTextDigest, type Digest, type TextDigest } from './text-digest.ts';
export { type ClaudeFailureCode, judgeResult, type RunSummary, type Verdict } from './verdict.ts';
