/**
 * Judges a history: is every promise of PROTOCOL.md kept in it? Pure. Each invariant has its function in checks/,
 * and each looks at what was seen from outside only: clients, upstream, and Redis at the end.
 */
import { checkAccepted, checkIdempotency } from './checks/acceptance-checks.ts';
import { checkDelivery, checkSequence, checkTenants } from './checks/attachment-checks.ts';
import { viewJobs } from './checks/job-view.ts';
import { checkFence, checkTerminalEvent } from './checks/log-checks.ts';
import { checkCancels, checkEvidence, checkLeftRunning, checkRetries } from './checks/upstream-checks.ts';
import type { CheckOptions, Violation } from './checks/violation.ts';
import type { History } from './history.ts';

/**
 * Finds all violations; none means that the invariants held:
 *   I1 one terminal event, the last · I2 seen in time by all who listened · I3 no hole, the same bytes for all ·
 *   I4 nothing of a fenced-off attempt · I5 completed only on evidence, text as sent · I6 no more upstream calls than
 *   the retry policy allows · I7 nothing acknowledged is lost · I8 nothing runs on, cancels come true · I9 tenants
 *   apart · I10 nothing is left over
 */
export function checkHistory(history: History, options: CheckOptions): Violation[] {
  const views = viewJobs(history);
  const ofJobs = views.flatMap((view) => [
    ...checkTerminalEvent(view),
    ...checkDelivery(view, history, options),
    ...checkSequence(view),
    ...checkFence(view),
    ...checkEvidence(view, options),
    ...checkRetries(view),
    ...checkAccepted(view, history, options.bounds),
    ...checkLeftRunning(view, history, options.bounds),
    ...checkCancels(view),
    ...checkTenants(view),
  ]);
  return [...ofJobs, ...checkIdempotency(history, views), ...checkBaseline(history)];
}

/** I10: everything that was named has gone. */
function checkBaseline({ leftovers }: History): Violation[] {
  return Object.entries(leftovers).flatMap(([what, left = []]) =>
    left.length === 0
      ? []
      : [{ invariant: 'I10', jobId: undefined, detail: `${what} are left: ${left.join(', ')}` } as const],
  );
}

/** Violations as text, one a line. */
export function describeViolations(violations: Violation[]): string {
  return violations
    .map(({ invariant, jobId, detail }) => `${invariant}${jobId ? ` ${jobId}` : ''}: ${detail}`)
    .join('\n');
}
