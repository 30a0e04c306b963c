/**
 * The audit log: who changed something, tried what they may not, or, as an operator, looked into a job of another tenant; with its outcome,
 * and nothing of what was sent. Of other looking there is no line.
 */
import { auditLogger, logEvents } from '@cc-executor/runtime';
import { isChange, type OperationName } from './scopes.ts';
import type { Session } from './session.ts';

const DENIED: readonly string[] = ['forbidden', 'unauthenticated'];

/**
 * @param done `of`: for which tenant, which may be another than that of who asks
 * @param outcome `ok`, or the code of the error
 */
export function audit(
  { identity, door, logger }: Session,
  { method, jobId, of }: { method: OperationName; jobId?: string | undefined; of: string },
  outcome: string,
): void {
  const { who, tenant, proof } = identity;
  const isOfOther = of !== tenant;
  if (proof.kind === 'none' || !(isChange(method) || isOfOther || DENIED.includes(outcome))) return;
  const other = isOfOther ? { of } : {};
  auditLogger(logger).info(
    { event: logEvents.audit, who, tenant, ...other, door, method, jobId, outcome },
    'audit',
  );
}
