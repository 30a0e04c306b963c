/**
 * Opens the connection for one call. Every address of the name is tried, in random order, so that a scaled service
 * is spread over and a dead instance is skipped. Nothing is sent here: a failure is provably an unsent request.
 */
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, Socket } from 'node:net';
import { within } from '@cc-executor/runtime';
import { buildConnector } from './undici.ts';

export type Lookup = (hostname: string) => Promise<string[]>;

export type ConnectAttempt = {
  /** Undefined when it is the name that failed. */
  address?: string;
  /** The system's error code, `CONNECT_TIMEOUT`, or what TLS says. */
  code: string;
};

/** No address could be connected to. */
export class ConnectError extends Error {
  readonly attempts: readonly ConnectAttempt[];

  constructor(attempts: readonly ConnectAttempt[]) {
    super(`No connection: ${attempts.map(({ address, code }) => `${address ?? 'name'} ${code}`).join(', ')}`);
    this.name = 'ConnectError';
    this.attempts = attempts;
  }
}

/** All addresses of a name, as the system resolves it. */
export async function lookupAll(hostname: string): Promise<string[]> {
  return (await dnsLookup(hostname, { all: true })).map(({ address }) => address);
}

/**
 * Connects to one of the target's addresses.
 * @param timeoutMs for the name and all addresses together
 * @throws ConnectError; or the signal's reason when it aborts
 */
export async function openConnection(
  target: URL,
  options: { timeoutMs: number; signal: AbortSignal; lookup: Lookup },
): Promise<Socket> {
  const { signal } = options;
  const endAt = performance.now() + options.timeoutMs;
  const hostname = target.hostname.replace(/^\[|\]$/g, '');
  const attempts: ConnectAttempt[] = [];
  let addresses: string[] = [];
  try {
    const resolved = isIP(hostname) ? [hostname] : options.lookup(hostname);
    addresses = shuffle(
      await within(Promise.resolve(resolved), options.timeoutMs, { signal, late: throwConnectTimeout }),
    );
  } catch (error) {
    signal.throwIfAborted();
    attempts.push({ code: codeOf(error) });
  }
  for (const [index, address] of addresses.entries()) {
    const shareMs = (endAt - performance.now()) / (addresses.length - index);
    try {
      return await connectTo(target, hostname, address, Math.max(1, shareMs), signal);
    } catch (error) {
      signal.throwIfAborted();
      attempts.push({ address, code: codeOf(error) });
    }
  }
  throw new ConnectError(attempts.length > 0 ? attempts : [{ code: 'ENODATA' }]);
}

const connector = buildConnector({ allowH2: false, timeout: 0 });

async function connectTo(
  target: URL,
  hostname: string,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const secure = target.protocol === 'https:';
  const socket = connector(
    {
      hostname: address,
      host: target.host,
      protocol: target.protocol,
      port: target.port || (secure ? '443' : '80'),
      ...(secure && !isIP(hostname) && { servername: hostname }),
    },
    (error, opened) => (opened instanceof Socket ? resolve(opened) : reject(error)),
  ) as unknown as Socket;
  try {
    return await within(promise, timeoutMs, { signal, late: throwConnectTimeout });
  } catch (error) {
    // The connector's own listener hears what else the socket has to say.
    socket.destroy();
    throw error;
  }
}

/** For `within`: an error whose code tells which of the limits it was. */
export function throwConnectTimeout(): never {
  throw Object.assign(new Error('no connection in time'), { code: 'CONNECT_TIMEOUT' });
}

function shuffle(addresses: readonly string[]): string[] {
  return addresses
    .map((address) => ({ address, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ address }) => address);
}

function codeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? 'unknown';
}
