/** What a client entrusted to its job, and the job's record holds sealed. */
import type { UpstreamFailure } from '@cc-executor/claude-api-client';
import type { JobSpec, Secrets, Vault } from '@cc-executor/job-log';

/** The secrets, or why they cannot be read; then nothing may be run, for it would be run without them. */
export function openSecrets(
  vault: Vault | undefined,
  jobId: string,
  { sealed }: Pick<JobSpec, 'sealed'>,
): Secrets | { failure: UpstreamFailure } {
  if (sealed === undefined) return {};
  if (vault === undefined) return { failure: unreadable('the worker has no SECRETS_KEY') };
  try {
    return vault.open(sealed, jobId);
  } catch (error) {
    return { failure: unreadable(`${(error as Error).message} (SECRETS_KEY)`) };
  }
}

function unreadable(reason: string): UpstreamFailure {
  const message = `The environment variables and attachments of the job cannot be read: ${reason}`;
  return { status: 'failed', code: 'secrets_unreadable', message, sent: false };
}
