/**
 * What a log line says to programs, in its field `event`. These words are stable; a line's message is for people, and
 * may change. docs/operations.md says what each means.
 */
export const logEvents = {
  ready: 'ready',
  draining: 'draining',
  stopped: 'stopped',
  startFailed: 'start_failed',
  startInterrupted: 'start_interrupted',
  closeLate: 'close_late',
  closeFailed: 'close_failed',
  fault: 'fault',
  redisRefused: 'redis_refused',
  redisFull: 'redis_full',
  redisHasRoom: 'redis_has_room',
  keysRead: 'keys_read',
  keysFaulty: 'keys_faulty',
  audit: 'audit',
  loginFailed: 'login_failed',
  openToAll: 'open_to_all',
  durabilityFaulty: 'durability_faulty',
  attemptBegan: 'attempt_began',
  attemptLost: 'attempt_lost',
  outputDropped: 'output_dropped',
  webhookFailed: 'webhook_failed',
  jobEnded: 'job_ended',
  nothingToDo: 'nothing_to_do',
  executionStarted: 'execution_started',
  executionEnded: 'execution_ended',
  leftoversRemoved: 'leftovers_removed',
} as const;

export type LogEvent = (typeof logEvents)[keyof typeof logEvents];
