/** Gives a ticket with which a page, or the SDK, opens a WebSocket. It can do no more than who asks for it. */
import { type Identity, includesScope } from '@cc-executor/identity';
import { type HttpInput, ProtocolError } from '@cc-executor/protocol';
import type { Session } from '../../operations/session.ts';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';

/** One for a single job is bound to the tenant whose that is. Errors: `forbidden`, `quota_exceeded`, `unavailable`. */
export async function sendTicket(
  exchange: Exchange,
  { scopes, jobId, origin = exchange.request.headers.origin }: NonNullable<HttpInput<'createTicket'>['body']>,
  { tickets, requests }: Pick<HttpContext, 'tickets' | 'requests'>,
): Promise<void> {
  const issue = ({ identity }: Session) => {
    const missing = scopes?.find((scope) => !includesScope(identity.scopes, scope));
    if (missing !== undefined) {
      throw new ProtocolError(
        'forbidden',
        `The token has not the scope ${missing}, which the ticket is to have.`,
      );
    }
    const narrowed: Identity = { ...identity, ...(scopes && { scopes }), ...(jobId && { jobId }) };
    return tickets.issue(narrowed, origin);
  };
  exchange.answerJson(201, await requests.attempt(exchange.session, 'createTicket', issue, jobId));
}
