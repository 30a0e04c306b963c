/** What a job can be, and by which events it ends: a job that has ended has the type of its terminal event. */
export const terminalTypes = ['completed', 'failed', 'cancelled', 'timed_out'] as const;
export type TerminalType = (typeof terminalTypes)[number];

export type JobStatus = 'queued' | 'running' | TerminalType;
export const jobStatuses: readonly JobStatus[] = ['queued', 'running', ...terminalTypes];

/** Whether a job in this status has ended. */
export function isTerminal(status: JobStatus): status is TerminalType {
  return status !== 'queued' && status !== 'running';
}

/** Whether this event ends its job. */
export function isTerminalEvent<E extends { type: string }>(
  event: E,
): event is Extract<E, { type: TerminalType }> {
  return (terminalTypes as readonly string[]).includes(event.type);
}
