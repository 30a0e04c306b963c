/**
 * The one table of error codes. `protocolErrors` answer a request; `failureCodes` stand in a `failed` event;
 * `clientErrors` are what the SDK throws. A test keeps PROTOCOL.md and docs/errors.md equal to it.
 */
export type ProtocolErrorEntry = {
  rpcCode: number;
  httpStatus: number;
  retryable: boolean;
  description: string;
};

export const protocolErrors = {
  parse_error: {
    rpcCode: -32700,
    httpStatus: 400,
    retryable: false,
    description: 'The frame, or the body of an HTTP request, is not JSON.',
  },
  invalid_request: {
    rpcCode: -32600,
    httpStatus: 400,
    retryable: false,
    description:
      'The frame is JSON but not a JSON-RPC 2.0 request (a batch, a binary frame, a missing method …), or frame or body holds what no request may.',
  },
  unknown_method: {
    rpcCode: -32601,
    httpStatus: 405,
    retryable: false,
    description: 'No such method. Over HTTP: the path takes other methods, which `Allow` names.',
  },
  invalid_params: {
    rpcCode: -32602,
    httpStatus: 400,
    retryable: false,
    description: 'The parameters do not fit the schema; the message names every fault.',
  },
  internal: {
    rpcCode: -32603,
    httpStatus: 500,
    retryable: true,
    description: 'A fault of the gateway; it is in its log.',
  },
  job_not_found: {
    rpcCode: -32001,
    httpStatus: 404,
    retryable: false,
    description: 'No such job: never accepted here, or its retention has passed.',
  },
  idempotency_conflict: {
    rpcCode: -32002,
    httpStatus: 409,
    retryable: false,
    description: 'The idempotency key is that of a job, or a batch, with another payload.',
  },
  epoch_mismatch: {
    rpcCode: -32003,
    httpStatus: 409,
    retryable: false,
    description: 'The log you saw was lost and made anew: attach again from 0 and drop what you have.',
  },
  position_ahead: {
    rpcCode: -32004,
    httpStatus: 409,
    retryable: false,
    description: '`afterSeq` lies beyond the end of the log.',
  },
  already_attached: {
    rpcCode: -32005,
    httpStatus: 409,
    retryable: false,
    description: 'This connection is attached to the job already; detach first to listen from elsewhere.',
  },
  too_many_attachments: {
    rpcCode: -32006,
    httpStatus: 429,
    retryable: false,
    description: 'This connection is attached to as many jobs as it may be.',
  },
  beyond_ceiling: {
    rpcCode: -32007,
    httpStatus: 403,
    retryable: false,
    description:
      'A parameter goes beyond what the operator of the gateway allows; the message names each ceiling.',
  },
  body_not_found: {
    rpcCode: -32008,
    httpStatus: 404,
    retryable: false,
    description:
      'The job keeps no body of this event: there is no such event, it stands whole in the log, or its `truncated.kept` is false.',
  },
  secrets_off: {
    rpcCode: -32009,
    httpStatus: 403,
    retryable: false,
    description:
      'The gateway has no key with which it could keep `env` or `attachments`: its operator has not set `SECRETS_KEY`.',
  },
  unavailable: {
    rpcCode: -32010,
    httpStatus: 503,
    retryable: true,
    description:
      'The gateway cannot reach Redis, Redis is full, or no replica of it has the job where one must; for files: claude-api cannot be reached or has enough to do. The message says which. An `execute` may be sent again with its idempotency key: it cannot run twice.',
  },
  draining: {
    rpcCode: -32011,
    httpStatus: 503,
    retryable: true,
    description: 'The gateway is shutting down and accepts nothing new: reconnect.',
  },
  request_too_large: {
    rpcCode: -32012,
    httpStatus: 413,
    retryable: false,
    description:
      'The body of an HTTP request, or a line of a batch, is larger than a frame may be, or a batch larger than one may be.',
  },
  unknown_path: {
    rpcCode: -32013,
    httpStatus: 404,
    retryable: false,
    description: 'There is nothing at this path of the HTTP door.',
  },
  not_acceptable: {
    rpcCode: -32014,
    httpStatus: 406,
    retryable: false,
    description: '`Accept` of an HTTP request names no form in which the answer comes.',
  },
  unsupported_media_type: {
    rpcCode: -32015,
    httpStatus: 415,
    retryable: false,
    description: 'The body of an HTTP request is said to be something else than JSON.',
  },
  foreign_request: {
    rpcCode: -32016,
    httpStatus: 403,
    retryable: false,
    description: 'An HTTP request comes from a page, or names a host, that the operator has not allowed.',
  },
  batch_not_found: {
    rpcCode: -32017,
    httpStatus: 404,
    retryable: false,
    description: 'No such batch: never submitted here, or the retention of its jobs has passed.',
  },
  webhooks_off: {
    rpcCode: -32018,
    httpStatus: 403,
    retryable: false,
    description:
      'The gateway has no secret with which it could sign webhooks: its operator has not set `WEBHOOK_SECRETS`.',
  },
  delivery_not_found: {
    rpcCode: -32019,
    httpStatus: 404,
    retryable: false,
    description:
      'The job has no webhook to send: it asked for none, or for none of its ending, or has not ended.',
  },
  workspaces_off: {
    rpcCode: -32030,
    httpStatus: 403,
    retryable: false,
    description:
      'claude-api keeps no named workspaces (`CLAUDE_WORKSPACES_DIR`), or the gateway is not told where claude-api is (`CLAUDE_API_URL`).',
  },
  workspace_not_found: {
    rpcCode: -32031,
    httpStatus: 404,
    retryable: false,
    description: 'No such workspace. One is made by the first job in it, or the first file that is put.',
  },
  workspace_ambiguous: {
    rpcCode: -32032,
    httpStatus: 409,
    retryable: false,
    description:
      'Several claude-apis have a workspace of this name, each its own: which is meant cannot be told. They are to share one folder.',
  },
  file_not_found: {
    rpcCode: -32033,
    httpStatus: 404,
    retryable: false,
    description: 'There is nothing at this path of the workspace.',
  },
  file_refused: {
    rpcCode: -32034,
    httpStatus: 403,
    retryable: false,
    description:
      'What is at the path is not what is asked for (a file, or a folder), or the way to it leads through a link; links are never followed.',
  },
  file_changed: {
    rpcCode: -32035,
    httpStatus: 412,
    retryable: false,
    description:
      'The file is not the one that `If-Match` or `etag` names, or is there though it should not be.',
  },
  file_too_large: {
    rpcCode: -32036,
    httpStatus: 413,
    retryable: false,
    description:
      'A file, a folder, an archive or a diff is larger than the operator of claude-api allows, or takes longer; the message says which setting it is.',
  },
  diff_unavailable: {
    rpcCode: -32037,
    httpStatus: 409,
    retryable: false,
    description:
      'There is no diff of this workspace or job: there is no Git repository and the state before a job was not noted, Git cannot read it, claude-api has no Git, or none is kept; the message says which.',
  },
  unauthenticated: {
    rpcCode: -32040,
    httpStatus: 401,
    retryable: false,
    description: 'No token came with it, or none that is good: unknown, expired, revoked, or used already.',
  },
  forbidden: {
    rpcCode: -32041,
    httpStatus: 403,
    retryable: false,
    description: 'The token is good, and not for this: the message names the scope that is missing.',
  },
  quota_exceeded: {
    rpcCode: -32042,
    httpStatus: 429,
    retryable: true,
    description:
      'The tenant, or the key, has as much as it may of something; the message says of what, and `retryAfterMs` when to ask again.',
  },
} as const satisfies Record<string, ProtocolErrorEntry>;

export type ProtocolErrorCode = keyof typeof protocolErrors;

/** Codes of `failed.error.code`: why a job could not end otherwise. */
export const failureCodes = {
  worker_lost: 'The worker that ran the job died or lost its lease; what it had put out is kept.',
  attempts_exhausted:
    'The worker was lost, and the job had been begun as often as it may be (`maxAttempts`); the output is kept.',
  internal: 'A fault of the worker; it is in its log.',
  redis_full:
    'The work was done, but Redis was full until the job had to end: the last of its output was not kept.',
  output_too_large:
    'The job put out more than is kept of one (`JOB_MAX_OUTPUT_BYTES`) and was stopped; the output up to there is kept.',
  secrets_unreadable:
    'The worker cannot read `env` and `attachments` of the job: it has no `SECRETS_KEY`, or none that the job was sealed with; the message names it.',
  upstream_unreachable: 'claude-api could not be reached; the message says under which name and address.',
  upstream_busy:
    'claude-api was at capacity or shutting down (429, 503, 529), or the workspace or conversation was in use (409).',
  upstream_http_error: 'claude-api answered with another HTTP error.',
  options_invalid: 'claude-api does not take an option as it was given; the message names every fault.',
  beyond_ceiling: 'An option goes beyond what the operator of claude-api allows; the message names each.',
  tool_options_refused: 'claude-api does not let requests choose `allowedTools` or `permissionMode`.',
  workspaces_off: 'claude-api keeps no named workspaces.',
  workspace_invalid: 'What has the name of the workspace is not a folder.',
  credentials_missing:
    "claude-api has no credentials of this tenant's own, and the service's are not for it (`CLAUDE_CREDENTIALS_REQUIRED`).",
  credentials_unavailable:
    "claude-api could not get this tenant's own credentials (`CLAUDE_CREDENTIALS`) before the job had to end; its log says why.",
  conversation_unknown: 'claude-api has no such conversation: never begun there, or no longer kept.',
  conversation_elsewhere: 'The conversation belongs to another workspace, or to none.',
  source_unavailable:
    'claude-api cannot let a job begin from this: it has no Git, or does not run on Linux; the message says which.',
  source_unreachable:
    'What the job was to begin from (`from`) could not be fetched, or lies where it may not; the message says why.',
  source_invalid:
    'What the job was to begin from is no archive, or has what no workspace may: links that lead out, devices, hard links.',
  source_too_large:
    'What the job was to begin from is more than the operator of claude-api allows, or takes longer; the message names the setting.',
  source_occupied: 'The workspace has files already that did not begin from this.',
  upstream_cut: 'The connection to claude-api broke before there was evidence of an end.',
  upstream_incomplete: 'The answer of claude-api ended without evidence of success.',
  upstream_garbage: 'The answer of claude-api was not what it should be.',
  upstream_error: 'claude-api said that the execution failed.',
  upstream_cancelled: 'claude-api cancelled the execution without being asked to.',
  upstream_line_too_long: 'claude-api sent a line that is longer than the limit.',
  digest_mismatch: 'The text that arrived is not the text that claude-api sent.',
  claude_error: 'Claude Code ended with an error.',
  claude_refused: 'The model refused to answer, or the safeguards around it stopped the answer.',
  claude_denied: 'Claude Code was not allowed to use a tool that it wanted, and the job was to fail then.',
  claude_mcp_failed: 'An MCP server could not be reached, and the job was to fail then.',
  structured_output_invalid:
    'Claude Code gave no object, or none that is of the `outputSchema`; the message says what is wrong with it.',
  claude_prompt_too_long: 'Prompt and conversation are longer than the model takes.',
  claude_output_limit: 'The answer was cut off at the limit of output tokens, and could not be continued.',
  claude_model_unknown: 'There is no such model, or the login may not use it.',
  claude_overloaded: "The model's API was overloaded until the retries were used up.",
  claude_rate_limited: "The model's API refused because there were too many requests.",
  claude_usage_limit: 'The usage limit of the subscription is reached; `resetsAt` says until when.',
  claude_credit: 'The credit of the account is used up.',
  claude_auth:
    'Claude Code has no valid login or key: it is missing, refused, or expired and cannot be renewed.',
  claude_interrupted: 'Claude Code was interrupted.',
  claude_background:
    'Claude Code gave an answer and ended while tasks of its ran in the background; `backgroundTasks` names them.',
  claude_max_turns: 'The limit on turns was reached.',
  claude_budget: 'The budget was used up.',
} as const;

export type FailureCode = keyof typeof failureCodes;

/** Codes of the errors the SDK throws. Errors of the gateway keep their own code. */
export const clientErrors = {
  connect_failed: 'No gateway could be reached, and the retries are used up.',
  connection_closed:
    'The connection ended for good: closed by the caller, or by a code that forbids coming back.',
  request_timeout: 'The gateway did not answer a request in time.',
  job_lost:
    'The record of the job is gone (Redis was wiped, or its retention passed) before its terminal event.',
  not_completed: 'The job ended otherwise than as completed; `end` of the error is its terminal event.',
  output_invalid: 'The structured output is not of the schema that was given for it; the message says why.',
  protocol_violation: 'The gateway sent something that is not in PROTOCOL.md.',
} as const;

export type ClientErrorCode = keyof typeof clientErrors;
