/**
 * What each kind of line is to us, by its type; `system` lines by type and subtype. A kind that is not here is treated
 * as `work`: what we do not know may have changed something.
 */

export type LineKind =
  /** The reader looks into it. */
  | 'read'
  /** The model did something, or something was done for it: output, after which nothing can be repeated unnoticed. */
  | 'work'
  /** Claude Code speaks about the run; no model wrote it, and nothing was done. */
  | 'notice'
  /** Of no interest but that something happens; `generating`: that the model does it. */
  | 'activity'
  | 'generating'
  /** Claude Code is there; nothing happens. */
  | 'ping';

export const lineKinds = {
  assistant: 'read',
  user: 'read',
  stream_event: 'read',
  result: 'read',
  rate_limit_event: 'read',
  'system/init': 'read',
  'system/api_retry': 'read',

  tool_progress: 'work',
  tool_use_summary: 'work',
  'system/background_tasks_changed': 'work',
  'system/compact_boundary': 'work',
  'system/files_persisted': 'work',
  'system/hook_progress': 'work',
  'system/hook_response': 'work',
  'system/hook_started': 'work',
  'system/local_command_output': 'work',
  'system/permission_denied': 'work',
  'system/task_notification': 'work',
  'system/task_progress': 'work',
  'system/task_started': 'work',
  'system/task_updated': 'work',

  active_goal: 'notice',
  auth_status: 'notice',
  conversation_reset: 'notice',
  prompt_suggestion: 'notice',
  'system/commands_changed': 'notice',
  'system/elicitation_complete': 'notice',
  'system/informational': 'notice',
  'system/memory_recall': 'notice',
  'system/mirror_error': 'notice',
  'system/model_refusal_fallback': 'notice',
  'system/model_refusal_no_fallback': 'notice',
  'system/notification': 'notice',
  'system/plugin_install': 'notice',
  'system/session_state_changed': 'notice',
  'system/session_writes_lost': 'notice',
  'system/worker_shutting_down': 'notice',

  // Between Claude Code and whoever holds its standard input: questions and receipts, no work.
  command_lifecycle: 'activity',
  control_cancel_request: 'activity',
  control_request: 'activity',
  control_response: 'activity',
  'system/control_request_progress': 'activity',
  'system/status': 'activity',
  // A running estimate, one line per thinking delta.
  'system/thinking_tokens': 'generating',
  keep_alive: 'ping',
} as const satisfies Record<string, LineKind>;

/** What a line with this type and subtype is. */
export function lineKindOf(type: string, subtype: unknown): LineKind {
  const name = type === 'system' ? `system/${subtype}` : type;
  return Object.hasOwn(lineKinds, name) ? lineKinds[name as keyof typeof lineKinds] : 'work';
}
