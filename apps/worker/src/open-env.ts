/** The environment variables of a job, which its record holds sealed. */
import type { UpstreamFailure, UpstreamRequest } from '@cc-executor/claude-api-client';
import type { EnvVault, JobSpec } from '@cc-executor/job-log';

/** The variables, or why they cannot be read; then nothing may be run, for it would be run without them. */
export function openEnv(
  vault: EnvVault | undefined,
  jobId: string,
  { sealedEnv }: Pick<JobSpec, 'sealedEnv'>,
): Pick<UpstreamRequest['options'], 'env'> | { failure: UpstreamFailure } {
  if (sealedEnv === undefined) return {};
  if (vault === undefined) return { failure: unreadable('the worker has no SECRETS_KEY') };
  try {
    return { env: vault.open(sealedEnv, jobId) };
  } catch {
    return { failure: unreadable('the SECRETS_KEY of the worker is not that of the gateway') };
  }
}

function unreadable(reason: string): UpstreamFailure {
  const message = `The environment variables of the job cannot be read: ${reason}`;
  return { status: 'failed', code: 'secrets_unreadable', message, sent: false };
}
