/** What the exit code says. A script can tell a job that failed from one that never began. */
import type { TerminalEvent, TerminalType } from '@cc-executor/protocol';

export const exitCodes = {
  completed: 0,
  failed: 1,
  usage: 2,
  timedOut: 3,
  cancelled: 4,
  unreachable: 5,
  notVerifiable: 6,
  denied: 7,
} as const;

const endCodes: Record<TerminalType, number> = {
  completed: exitCodes.completed,
  failed: exitCodes.failed,
  cancelled: exitCodes.cancelled,
  timed_out: exitCodes.timedOut,
};

/** The exit code of a job that ended like this. */
export function exitCodeOfEnd(event: TerminalEvent): number {
  const isDenied = event.type === 'failed' && event.error.code === 'claude_denied';
  return isDenied ? exitCodes.denied : endCodes[event.type];
}

/** The exit code of an error of the SDK or the gateway, by its code. */
export function exitCodeOfError(code: string): number {
  if (code === 'invalid_params' || code === 'beyond_ceiling') return exitCodes.usage;
  const isUnreachable = ['connect_failed', 'connection_closed', 'request_timeout'].includes(code);
  return isUnreachable ? exitCodes.unreachable : exitCodes.failed;
}
