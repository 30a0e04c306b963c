/**
 * Who comes in: decided by the headers of a request, before anything else of it is read. A token stands in
 * `Authorization`, a ticket beside the subprotocol; neither is ever logged, or said again in an answer.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { anybody, type Identity, type Standing, type Terms } from '@cc-executor/identity';
import { ProtocolError, TICKET_PREFIX } from '@cc-executor/protocol';
import type { Tickets } from './tickets.ts';

/** Of one kind of token. */
export type TokenCheck = {
  /** Whose it is; undefined when it is nobody's. */
  identify(token: string): Promise<Identity | undefined> | Identity | undefined;
  standing(identity: Identity): Standing;
  /** What it may do, as of now. */
  termsOf(identity: Identity): Terms;
};

export type Authenticator = {
  /** Errors: `unauthenticated`; what Redis throws while a ticket is looked for. */
  identify(headers: IncomingHttpHeaders, mayBeTicket: boolean): Promise<Identity>;
  /** Whether whoever came in may stay. */
  standing(identity: Identity): Standing;
  /** What whoever came in may do, as of now. */
  termsOf(identity: Identity): Terms;
};

/** @param check undefined: nobody is asked who they are */
export function createAuthenticator(check: TokenCheck | undefined, tickets: Tickets): Authenticator {
  if (check === undefined) {
    return { identify: async () => anybody, standing: () => 'good', termsOf: () => ({ tenant: {} }) };
  }

  async function find(headers: IncomingHttpHeaders, mayBeTicket: boolean): Promise<Identity | undefined> {
    const { authorization, origin } = headers;
    if (authorization !== undefined) {
      const [, token] = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization) ?? [];
      return token === undefined ? undefined : check?.identify(token);
    }
    const ticket = mayBeTicket ? ticketIn(headers) : undefined;
    return ticket === undefined ? undefined : tickets.redeem(ticket, origin);
  }

  return {
    async identify(headers, mayBeTicket) {
      const identity = await find(headers, mayBeTicket);
      if (identity === undefined || check.standing(identity) !== 'good')
        throw new ProtocolError('unauthenticated');
      return identity;
    },
    standing: check.standing,
    termsOf: check.termsOf,
  };
}

function ticketIn(headers: IncomingHttpHeaders): string | undefined {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
  return offered?.find((name) => name.startsWith(TICKET_PREFIX));
}
