/** The protocol: the one schema source of messages. Types are inferred from the schemas. */
export { asyncApiDocument } from './asyncapi.ts';
export type { BatchJob, BatchResult } from './batches.ts';
export { type CloseReason, closeCodes, mayReconnect } from './close-codes.ts';
export {
  type DialectStatus,
  dialectControlParamsSchema,
  dialectErrorFrame,
  dialectExecuteParamsSchema,
  dialectNotificationSchemas,
} from './dialect.ts';
export {
  clientErrors,
  type FailureCode,
  failureCodes,
  type ProtocolErrorCode,
  protocolErrors,
} from './error-codes.ts';
export { ProtocolError, problemOf } from './errors.ts';
export { eventTexts, headAround } from './event-texts.ts';
export {
  type BackgroundTask,
  carriesOutput,
  type Digest,
  dialectStatusOf,
  type EventBody,
  type EventType,
  eventSchema,
  eventSchemas,
  type JobEvent,
  type RunSummary,
  summaryOf,
  type TerminalBody,
  type TerminalEvent,
} from './events.ts';
export { changesText, emptyFold, type Fold, foldEvents, foldedAnswer, foldedText } from './fold.ts';
export type { HttpOperation } from './http-operation.ts';
export {
  type HttpInput,
  type HttpOperationName,
  httpOperations,
} from './http-operations.ts';
export { createConnectionId, createEpoch, createJobId, jobIdSchema } from './ids.ts';
export {
  type Job,
  jobSchema,
  type ListenerNote,
  MAX_LISTENER_NOTES,
  type TerminalStatus,
  terminalStatuses,
} from './job.ts';
export {
  DEFAULT_HEARTBEAT_MS,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUTS,
  MAX_ATTACHMENTS,
  MAX_ATTEMPTS,
  MAX_BATCH_BYTES,
  MAX_BATCH_LINES,
  MAX_BODY_PAGE_BYTES,
  MAX_EVENT_BYTES,
  MAX_FRAME_BYTES,
  MAX_LISTED_MEMBERS,
  MAX_LISTED_NAME_LENGTH,
  MAX_LISTED_VALUE_LENGTH,
  MAX_PRIORITY,
  MAX_PROMPT_LENGTH,
  MAX_SENT_FRAME_BYTES,
  MAX_TERMINAL_TEXT_LENGTH,
  MAX_TIMEOUT_MS,
  MAX_TITLE_LENGTH,
  MIN_TIMEOUT_MS,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
  TICKET_PREFIX,
} from './limits.ts';
export { modelUsesOf, tokenKinds } from './model-uses.ts';
export { type Notification, type NotificationMethod, notificationSchemas } from './notifications.ts';
export { openApiDocument } from './openapi.ts';
export {
  type BatchLine,
  batchLineSchema,
  type ExecuteParams,
  executeParamsSchema,
  type Method,
  methods,
  type Params,
  type Result,
  type RetryPolicy,
  traceparentSchema,
} from './requests.ts';
export {
  checkParams,
  describeIssues,
  errorFrame,
  notificationFrame,
  notificationStart,
  parseBody,
  parseEnvelope,
  parseRequest,
  type Rejection,
  type RequestId,
  readFrameId,
  resultFrame,
} from './rpc.ts';
export { jsonSchemas, messageSchemas } from './schemas.ts';
export {
  isTerminal,
  isTerminalEvent,
  type JobStatus,
  jobStatuses,
  type TerminalType,
  terminalTypes,
} from './statuses.ts';
export type { StreamNotice, StreamNoticeName } from './stream-notices.ts';
export { type NotVerifiableReason, notVerifiableReasons } from './verification.ts';
export type { Delivery, Webhook, WebhookBody, WebhookSecret } from './webhook.ts';
