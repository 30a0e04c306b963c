/** Binds a server, and says in plain words why it could not. */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/**
 * Listens and resolves to the port (the chosen one, when `port` is 0).
 *
 * @param options.portVariable the environment variable that sets the port, named in the error
 * @throws Error with `code` EADDRINUSE, EACCES …, and the original error as its `cause`
 */
export async function listen(
  server: Server,
  options: { host: string; port: number; portVariable?: string },
): Promise<number> {
  const { host, port } = options;
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw explainListenError(error as NodeJS.ErrnoException, options);
  }
  return (server.address() as AddressInfo).port;
}

/** Why a server could not listen, in plain words; `code` is the system's, the original error the `cause`. */
export function explainListenError(
  cause: NodeJS.ErrnoException,
  { host, port, portVariable }: { host: string; port: number; portVariable?: string },
): Error {
  const remedy = portVariable === undefined ? 'choose another port' : `set ${portVariable} to another port`;
  const reasons: Record<string, string> = {
    EADDRINUSE: `port ${port} on ${host} is already in use; stop the program that uses it, or ${remedy}`,
    EACCES: `port ${port} on ${host} may not be opened by this user; ${remedy}`,
    EADDRNOTAVAIL: `${host} is not an address of this machine; listen on another one`,
  };
  const message = reasons[cause.code ?? ''] ?? `cannot listen on ${host}:${port}: ${cause.message}`;
  return Object.assign(new Error(message, { cause }), { code: cause.code });
}
