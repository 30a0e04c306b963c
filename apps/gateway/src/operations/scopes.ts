/** What each operation needs: one that is not here does not compile. */
import { type Identity, includesScope, type Scope } from '@cc-executor/identity';
import { type Method, ProtocolError } from '@cc-executor/protocol';

/** Methods, and what the HTTP door does besides. */
export type OperationName = Method | HttpOnly;

type HttpOnly =
  | 'submitBatch'
  | 'putFile'
  | 'packFiles'
  | 'diffFiles'
  | 'diffJob'
  | 'createTicket'
  | 'webhookSecrets'
  | 'rotateWebhookSecret';

const neededScopes: Readonly<Record<OperationName, Scope>> = {
  execute: 'write',
  rerun: 'write',
  attach: 'read',
  detach: 'read',
  cancel: 'write',
  cancelMany: 'write',
  pause: 'write',
  resume: 'write',
  get: 'read',
  me: 'read',
  overview: 'admin',
  eventBody: 'read',
  verify: 'read',
  list: 'read',
  count: 'read',
  redeliver: 'write',
  submitBatch: 'write',
  getBatch: 'read',
  batchResults: 'read',
  cancelBatch: 'write',
  listFiles: 'read',
  readFile: 'read',
  putFile: 'write',
  packFiles: 'read',
  diffFiles: 'read',
  diffJob: 'read',
  createTicket: 'read',
  // Who knows them can sign.
  webhookSecrets: 'write',
  rotateWebhookSecret: 'write',
};

/** Whether it changes something, or lets somebody in who does. */
export function isChange(name: OperationName): boolean {
  return name === 'createTicket' || (neededScopes[name] !== 'read' && name !== 'overview');
}

/**
 * Errors: `forbidden`; `job_not_found` for another job than the only one that the identity sees.
 *
 * @param jobId of which job it is asked, if of one
 */
export function refuseBeyondScope(identity: Identity, name: OperationName, jobId: string | undefined): void {
  const needed = neededScopes[name];
  if (!includesScope(identity.scopes, needed)) {
    const held = identity.scopes.join(', ');
    throw new ProtocolError('forbidden', `${name} needs the scope ${needed}, and the token has ${held}.`);
  }
  if (identity.jobId === undefined || name === 'me') return;
  if (jobId === undefined || name === 'rerun') {
    throw new ProtocolError('forbidden', `${name} is not for a token that sees one job only.`);
  }
  if (jobId !== identity.jobId) throw new ProtocolError('job_not_found');
}
