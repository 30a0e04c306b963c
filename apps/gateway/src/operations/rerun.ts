/**
 * Rerun: a new job that asks for what another did, secrets included, which are sealed anew for it. It is accepted like any
 * other: by the ceilings of today.
 */
import type { JobSpec, ReadLog, Secrets, Vault } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import type { Accept } from './accept.ts';
import type { Listen } from './listen.ts';
import type { Operation } from './operation.ts';

/** Errors: `job_not_found`, `secrets_off` where what is sealed cannot be opened, those of listen and accept. */
export function createRerun({
  readLog,
  vault,
  accept,
  listen,
}: {
  readLog: ReadLog;
  vault: Vault | undefined;
  accept: Accept;
  listen: Listen;
}): Operation<'rerun'> {
  return (session, { jobId, idempotencyKey, traceparent, ...wanted }) =>
    listen(session, wanted, async () => {
      const { tenant, reads } = session;
      const asked = await reads.take(() => readLog.spec(tenant, jobId));
      if (asked === undefined) throw new ProtocolError('job_not_found');
      const { sealed, ...open } = asked;
      const own = { ...(idempotencyKey && { idempotencyKey }), ...(traceparent && { traceparent }) };
      const params = { ...open, ...unseal(vault, jobId, sealed), ...own };
      return accept(session.identity, params, jobId);
    });
}

/** Errors: `secrets_off`. */
function unseal(vault: Vault | undefined, jobId: string, sealed: JobSpec['sealed']): Secrets {
  if (sealed === undefined) return {};
  if (vault === undefined) throw new ProtocolError('secrets_off');
  try {
    return vault.open(sealed, jobId);
  } catch (error) {
    const message = `What was entrusted to the job cannot be read any more: ${(error as Error).message}.`;
    throw new ProtocolError('secrets_off', message);
  }
}
