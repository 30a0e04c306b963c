/**
 * What becomes of ends that are neither a success nor a failure by themselves: the model refused, or tools that Claude Code
 * wanted were denied. The job says what they are to be. Pure.
 */
import type { UpstreamFailureCode, UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { JobSpec } from '@cc-executor/job-log';
import { summaryOf } from '@cc-executor/protocol';

const MAX_TOOLS_NAMED = 5;

type Completed = Extract<UpstreamOutcome, { status: 'completed' }>;

/** A refusal fails the job unless it is to be reported; denials are reported unless they are to fail it. */
export function applyEndPolicy(
  outcome: UpstreamOutcome,
  { onDenial = 'report', onRefusal = 'fail' }: Pick<JobSpec, 'onDenial' | 'onRefusal'>,
): UpstreamOutcome {
  if (outcome.status === 'failed' && outcome.code === 'claude_refused' && onRefusal === 'report') {
    const { evidence, digest } = outcome;
    return evidence && digest ? { status: 'completed', evidence, ...summaryOf(outcome), digest } : outcome;
  }
  if (outcome.status !== 'completed') return outcome;
  if (outcome.stopReason === 'refusal' && onRefusal === 'fail') {
    return failCompleted('claude_refused', outcome.text || 'The model refused to answer', outcome);
  }
  if (outcome.permissionDenials && onDenial === 'fail') {
    return failCompleted('claude_denied', describeDenials(outcome.permissionDenials), outcome);
  }
  return outcome;
}

/** The end of a run that had completed, for a job to which it is none. */
export function failCompleted(
  code: UpstreamFailureCode,
  message: string,
  outcome: Completed,
): UpstreamOutcome {
  const { evidence } = outcome;
  return {
    ...{ status: 'failed', code, message, sent: true },
    ...(evidence !== 'clean-eof' && { evidence }),
    ...summaryOf(outcome),
  };
}

function describeDenials(denials: NonNullable<Completed['permissionDenials']>): string {
  const tools = [...new Set(denials.map(({ tool }) => tool))];
  const named = tools.slice(0, MAX_TOOLS_NAMED).join(', ');
  return `Claude Code was not allowed to use ${named}${tools.length > MAX_TOOLS_NAMED ? ' …' : ''}`;
}
