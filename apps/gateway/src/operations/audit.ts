/**
 * The audit log: who changed something, or tried what they may not; with its outcome, and nothing of what was sent. Of looking
 * there is no line.
 */
import { logEvents } from '@cc-executor/runtime';
import { isChange, type OperationName } from './scopes.ts';
import type { Session } from './session.ts';

const DENIED: readonly string[] = ['forbidden', 'unauthenticated'];

/** @param outcome `ok`, or the code of the error */
export function audit(
  { identity, door, logger }: Session,
  { method, jobId }: { method: OperationName; jobId?: string | undefined },
  outcome: string,
): void {
  const { who, tenant, proof } = identity;
  if (proof.kind === 'none' || !(isChange(method) || DENIED.includes(outcome))) return;
  logger.info({ event: logEvents.audit, who, tenant, door, method, jobId, outcome }, 'audit');
}
