/**
 * Whose jobs a request is about. Who has the scope `admin`, where somebody is asked who they are, sees those of all tenants:
 * what names one job, or one batch, is done for the tenant whose that is, so that everything behind here goes on comparing
 * the tenant with the record's; lists go as far as is asked. For everybody else nothing is looked up.
 */
import { type Identity, includesScope } from '@cc-executor/identity';
import { everyTenant, type JobBatches, type Reach, type ReadLog } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import type { Session } from './session.ts';

/** Whether it sees the jobs of all tenants. Where nobody is asked there is one. */
export function seesAll({ scopes, proof }: Identity): boolean {
  return proof.kind !== 'none' && includesScope(scopes, 'admin');
}

/**
 * How far a list goes.
 *
 * @param wanted the tenant that is named, if one is
 * @throws ProtocolError `forbidden` for another tenant, there or not
 */
export function reachOf(identity: Identity, wanted: string | undefined): Reach {
  if (seesAll(identity)) return wanted ?? everyTenant;
  if (wanted === undefined || wanted === identity.tenant) return identity.tenant;
  throw new ProtocolError('forbidden', 'The jobs of another tenant are for the scope admin.');
}

/** The session in which a request with these parameters is done. Errors: those of Redis. */
export type SessionFor = (session: Session, params: object) => Promise<Session>;

export function createSessionFor({
  readLog,
  jobBatches,
}: {
  readLog: Pick<ReadLog, 'ownerOf'>;
  jobBatches: Pick<JobBatches, 'ownerOf'>;
}): SessionFor {
  async function ownerIn(params: { jobId?: string; batchId?: string }): Promise<string | undefined> {
    if (params.jobId !== undefined) return readLog.ownerOf(params.jobId);
    return params.batchId === undefined ? undefined : jobBatches.ownerOf(params.batchId);
  }

  return async (session, params) => {
    if (!seesAll(session.identity)) return session;
    const tenant = await ownerIn(params);
    if (tenant === undefined || tenant === session.tenant) return session;
    // What a token says of limits is said of its own tenant.
    const { limits: _ofAnother, ...identity } = session.identity;
    return { ...session, tenant, identity: { ...identity, tenant } };
  };
}
