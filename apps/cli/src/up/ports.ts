/** Finds out before anything is started whether the ports are free. */
import { checkPort, findFreePort } from '@cc-executor/runtime';
import { UpError } from './up-error.ts';

/** This machine's loopback address: that of version 6 where there is no other. */
export async function findLoopback(isUsable = canListen): Promise<string> {
  return (await isUsable('127.0.0.1')) || !(await isUsable('::1')) ? '127.0.0.1' : '::1';
}

/**
 * Checks that a port is free and returns it; chooses a free one for 0.
 *
 * @param wanted.variable the environment variable that sets the port, named in the error
 * @throws UpError naming the service, the port and the variable to change
 */
export async function claimPort(wanted: {
  service: string;
  host: string;
  port: number;
  variable?: string;
}): Promise<number> {
  const { service, variable, host, port } = wanted;
  try {
    if (port === 0) return await findFreePort(host);
    await checkPort({ host, port, ...(variable === undefined ? {} : { portVariable: variable }) });
    return port;
  } catch (error) {
    throw new UpError(`${service}: ${(error as Error).message}`, { cause: error });
  }
}

async function canListen(host: string): Promise<boolean> {
  try {
    await claimPort({ service: 'loopback', host, port: 0 });
    return true;
  } catch {
    // Its reason is told when a service asks for the address.
    return false;
  }
}
