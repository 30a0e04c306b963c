/**
 * Where a request comes from: who has connected, or, where that is a proxy that the operator trusts, whom the last of such proxies
 * names. What anybody else says of themselves is not believed.
 */
import type { IncomingMessage } from 'node:http';
import { createAddressList, isAddress } from '@cc-executor/runtime/targets';

/** The address; 'gone' of a connection that has closed. */
export type SourceOf = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string;

/** @param proxies addresses, and ranges of them */
export function createSourceOf(proxies: readonly string[]): SourceOf {
  const isTrusted = createAddressList(proxies);
  return ({ socket, headers }) => {
    const peer = plain(socket.remoteAddress ?? 'gone');
    const named = [headers['x-forwarded-for'] ?? []].flat().join().split(',');
    const way = [...named.map((name) => plain(name.trim())).filter(isAddress), peer];
    // Of all that are trusted the first is as far as is known.
    return way.findLast((address) => !isTrusted(address)) ?? way[0] ?? peer;
  };
}

/** An IPv4 address also where it stands in one of IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
