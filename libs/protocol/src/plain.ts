/** What of the protocol needs no schema library: types, tables, and what is made of them. The SDK is built of it. */
export { mayReconnect } from './close-codes.ts';
export type { ClientErrorCode, ProtocolErrorCode } from './error-codes.ts';
export { changesText, type Fold, foldedAnswer, foldedText, foldPieces } from './fold.ts';
export type {
  CancelledEvent,
  CancelManyParams,
  CancelManyResult,
  ClaudeMessageEvent,
  CompletedEvent,
  ControlResult,
  CountResult,
  Digest,
  EventBodyResult,
  EventHead,
  ExecuteParams,
  FailedEvent,
  GetResult,
  Job,
  JobEvent,
  JobStatus,
  ListFilesParams,
  ListFilesResult,
  ListParams,
  ListResult,
  NoticeEvent,
  Notices,
  OutputEvent,
  OverviewResult,
  PausedEvent,
  PauseRefusedEvent,
  QueuedEvent,
  Requests,
  ResetEvent,
  ResumedEvent,
  RunSummary,
  StartedEvent,
  TerminalEvent,
  ThrottledEvent,
  TimedOutEvent,
  ToolEndedEvent,
  ToolStartedEvent,
  VerifyResult,
} from './generated/messages.ts';
export { noticeShapes, resultShapes } from './generated/shapes.ts';
export {
  DEFAULT_HEARTBEAT_MS,
  MAX_ATTACHMENTS,
  MAX_FRAME_BYTES,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
  TICKET_PREFIX,
} from './limits.ts';
export { isTerminal, isTerminalEvent, type TerminalType } from './statuses.ts';
