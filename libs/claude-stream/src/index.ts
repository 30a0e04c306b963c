/** Reads what Claude Code prints: lines, events, the answer's digest, the verdict. Pure. */
export type { BackgroundTask } from '@cc-executor/protocol';
export { isLoginError } from './cause.ts';
export {
  createByteLineSplitter,
  createLineSplitter,
  LineTooLongError,
} from './line-splitter.ts';
export type { RunEvent, StreamEvent } from './stream-event.ts';
export type { ClaudeResult, Complete } from './stream-line.ts';
export { createStreamReader } from './stream-reader.ts';
export { createResultSum } from './summary.ts';
export { createTextDigest } from './text-digest.ts';
export { type ClaudeFailureCode, judgeResult, type Verdict } from './verdict.ts';
