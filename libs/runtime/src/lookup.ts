/**
 * How names that others choose are resolved. The system's resolver keeps a thread of the process's few for as long as a name server
 * takes, and clients choose the names: so name servers are asked directly. The operator's own names are the system's to
 * know, by its hosts file and search domains.
 */
import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

export type Lookup = (host: string) => Promise<string[]>;

/**
 * Makes a lookup. It rejects with the resolver's error when there is no address.
 *
 * @param options.isOwn whether a name is the operator's
 * @param options.timeoutMs for one question to one server
 * @param options.servers default: those of the system
 */
export function createLookup({
  isOwn,
  timeoutMs,
  servers,
}: {
  isOwn: (host: string) => boolean;
  timeoutMs: number;
  servers?: readonly string[];
}): Lookup {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers) resolver.setServers(servers);
  return async (host) => {
    if (isOwn(host)) return (await systemLookup(host, { all: true })).map(({ address }) => address);
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [first] = answers;
    if (addresses.length === 0 && first.status === 'rejected') throw first.reason;
    return addresses;
  };
}

/** A lookup for a connection: whatever the name, these addresses, which were judged. */
export function pinTo(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, { all }, done) => {
    const [first] = found;
    if (all) done(null, found);
    else done(null, first?.address ?? '', first?.family);
  };
}
