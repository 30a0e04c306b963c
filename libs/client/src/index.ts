/** The SDK for browsers and Node: connect, execute, attach, resume. */
export type {
  CancelledEvent,
  CancelManyParams,
  CancelManyResult,
  ClaudeMessageEvent,
  CompletedEvent,
  ControlResult,
  Digest,
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
  OutputEvent,
  PausedEvent,
  PauseRefusedEvent,
  QueuedEvent,
  ResetEvent,
  ResumedEvent,
  RunSummary,
  StartedEvent,
  TerminalEvent,
  TerminalType,
  ThrottledEvent,
  TimedOutEvent,
  ToolEndedEvent,
  ToolStartedEvent,
  VerifyResult,
} from '@cc-executor/protocol/plain';
export { isTerminalEvent } from '@cc-executor/protocol/plain';
export type { CallOptions } from './abort.ts';
export { type Client, type ClientEvents, type ClientOptions, createClient } from './client.ts';
export type { ClientLogger, ClientState, Connected } from './connection.ts';
export type { Conversation } from './conversation.ts';
export { ClientError, type ErrorCode } from './errors.ts';
export type { JobHandle, JobResult } from './job-handle.ts';
export type { ReconnectPolicy } from './reconnect.ts';
export type { WebSocketConstructor, WebSocketLike } from './socket.ts';
export type { OutputOf, OutputSchema, StandardSchema } from './standard-schema.ts';
export type { Transport } from './transport.ts';
