/**
 * Reads a REDIS_URL. Forms:
 *   redis://[user:password@]host[:port][/db]          one server
 *   rediss://…                                        the same over TLS
 *   redis+sentinel://[user:password@]h1[:port],h2…/master-name[/db]     (rediss+sentinel for TLS to the servers),
 *     and behind it, where the sentinels want a password, too: ?sentinelPassword=…[&sentinelUsername=…]
 *   redis+cluster://[user:password@]h1[:port],h2…     (rediss+cluster for TLS)
 */

export type Endpoint = { host: string; port: number };

export type RedisAddress = {
  kind: 'single' | 'sentinel' | 'cluster';
  endpoints: Endpoint[];
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  db: number;
  masterName: string | undefined;
  /** For the sentinels themselves. */
  sentinelUsername: string | undefined;
  sentinelPassword: string | undefined;
};

/** The REDIS_URL cannot be read; the message says why, without the password. */
export class RedisAddressError extends Error {
  readonly code = 'redis_url_invalid';
}

// Everything before the last '@' is taken for credentials, so that no odd password is shown as a host.
const form = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^/@?]+)(?:\/([^@?]*))?(?:\?([^@]*))?$/s;

/** Parses a REDIS_URL. Errors: `RedisAddressError`. */
export function parseRedisUrl(url: string): RedisAddress {
  const match = form.exec(url);
  if (!match) {
    throw new RedisAddressError(
      'expected redis://[user:password@]host[:port][/db], rediss://…, redis+sentinel://host,host/master or redis+cluster://host,host',
    );
  }
  const [, scheme, variant, credentials, hosts = '', path = '', query] = match;
  const kind = variant === 'sentinel' || variant === 'cluster' ? variant : 'single';
  const [first = '', second, ...more] = path.split('/');
  if (kind === 'sentinel' && first === '') {
    throw new RedisAddressError(
      'a Sentinel address needs the name of the master: redis+sentinel://host:26379/mymaster',
    );
  }
  if (more.length > 0 || (kind !== 'sentinel' && second)) {
    throw new RedisAddressError(`'/${path}' is not /db, or /master-name/db for Sentinel`);
  }
  if (kind === 'cluster' && first !== '') {
    throw new RedisAddressError('a Redis Cluster has no databases to choose from');
  }
  const endpoints = hosts.split(',').map((host) => parseEndpoint(host, kind === 'sentinel' ? 26379 : 6379));
  if (kind === 'single' && endpoints.length > 1) {
    throw new RedisAddressError('several hosts need redis+sentinel:// or redis+cluster://');
  }
  return {
    kind,
    endpoints,
    tls: scheme === 'rediss',
    ...parseCredentials(credentials),
    db: parseDb(kind === 'sentinel' ? second : first),
    masterName: kind === 'sentinel' ? first : undefined,
    ...parseSentinelLogin(kind, query),
  };
}

/** The address in words, without credentials: for logs and errors. */
export function describeAddress(address: RedisAddress): string {
  const scheme = `${address.tls ? 'rediss' : 'redis'}${address.kind === 'single' ? '' : `+${address.kind}`}`;
  const hosts = address.endpoints.map(describeEndpoint).join(',');
  return `${scheme}://${hosts}${address.masterName === undefined ? '' : `/${address.masterName}`}`;
}

function describeEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseEndpoint(text: string, defaultPort: number): Endpoint {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? defaultPort);
  if (!match?.[1] || port < 1 || port > 65_535) {
    throw new RedisAddressError(`'${text}' is not host or host:port`);
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

function parseCredentials(text: string | undefined): Pick<RedisAddress, 'username' | 'password'> {
  if (text === undefined || text === '') return { username: undefined, password: undefined };
  const colon = text.indexOf(':');
  // `redis://secret@host` is a password without a user, as redis-cli reads it.
  if (colon === -1) return { username: undefined, password: decode(text) };
  const username = decode(text.slice(0, colon));
  return {
    username: username === '' ? undefined : username,
    password: decode(text.slice(colon + 1)),
  };
}

function parseSentinelLogin(
  kind: RedisAddress['kind'],
  query: string | undefined,
): Pick<RedisAddress, 'sentinelUsername' | 'sentinelPassword'> {
  const given = new Map<string, string>();
  for (const [, name = '', value = ''] of (query ?? '').matchAll(/([^=&]*)=?([^&]*)/g)) {
    if (name !== '') given.set(name, decode(value));
  }
  const sentinelUsername = given.get('sentinelUsername');
  const sentinelPassword = given.get('sentinelPassword');
  const isKnown = [...given.keys()].every((name) => ['sentinelUsername', 'sentinelPassword'].includes(name));
  const isAlone = sentinelUsername !== undefined && sentinelPassword === undefined;
  if (!isKnown || isAlone || (query !== undefined && kind !== 'sentinel')) {
    throw new RedisAddressError(
      'behind the address only ?sentinelPassword=… may stand, and with it &sentinelUsername=…; both for Sentinel only',
    );
  }
  return { sentinelUsername, sentinelPassword };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The text is a secret: it is not shown.
    throw new RedisAddressError("user and password must be percent-encoded: a '%' is written %25");
  }
}

function parseDb(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (!/^\d{1,4}$/.test(text)) throw new RedisAddressError(`'${text}' is not a database number`);
  return Number(text);
}
