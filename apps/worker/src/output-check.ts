/**
 * A job that asks for an object of a schema completes with one or not at all: Claude Code reports success also when
 * its model never gave one.
 */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import { findOutputFault } from '@cc-executor/claude-options/output-schema';
import type { JobSpec } from '@cc-executor/job-log';
import { failCompleted } from './end-policy.ts';

/** The outcome as it is, or the failure `structured_output_invalid`. Without a schema nothing is asked for. */
export async function requireOutput(
  outcome: UpstreamOutcome,
  schema: JobSpec['outputSchema'],
): Promise<UpstreamOutcome> {
  if (schema === undefined || outcome.status !== 'completed') return outcome;
  if (outcome.structuredOutput === undefined) {
    return failCompleted('structured_output_invalid', 'Claude Code gave no object', outcome);
  }
  const fault = await findOutputFault(schema, outcome.structuredOutput);
  if (fault === undefined) return outcome;
  const message = `What Claude Code gave is not of the outputSchema: ${fault}`;
  return failCompleted('structured_output_invalid', message, outcome);
}
