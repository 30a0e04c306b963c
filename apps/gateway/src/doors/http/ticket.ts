/** Gives a ticket with which a page, or the SDK, opens a WebSocket. It can do no more than who asks for it. */
import { type Identity, includesScope } from '@cc-executor/identity';
import { type HttpInput, ProtocolError } from '@cc-executor/protocol';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';

/** Errors: `forbidden`, `unavailable`. */
export async function sendTicket(
  exchange: Exchange,
  { scopes, jobId, origin = exchange.request.headers.origin }: NonNullable<HttpInput<'createTicket'>['body']>,
  { tickets }: Pick<HttpContext, 'tickets'>,
): Promise<void> {
  const { identity } = exchange.session;
  const missing = scopes?.find((scope) => !includesScope(identity.scopes, scope));
  if (missing !== undefined) {
    throw new ProtocolError(
      'forbidden',
      `The token has not the scope ${missing}, which the ticket is to have.`,
    );
  }
  const narrowed: Identity = { ...identity, ...(scopes && { scopes }), ...(jobId && { jobId }) };
  exchange.answerJson(201, await tickets.issue(narrowed, origin));
}
