/**
 * The audit log: who changed something, or tried what they may not; with its outcome, and nothing of what was sent. Of looking
 * there is no line.
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
  if (proof.kind === 'none' || !(isChange(method) || DENIED.includes(outcome))) return;
  const other = of === tenant ? {} : { of };
  auditLogger(logger).info(
    { event: logEvents.audit, who, tenant, ...other, door, method, jobId, outcome },
    'audit',
  );
}
