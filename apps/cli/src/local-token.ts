/**
 * The token of a gateway that this user runs with `npm start -- --auth`: a file for each port of this machine. It is shown to what
 * this user has listen there, and to nobody else: while the stack is not up, others may.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { namesLoopback } from '@cc-executor/runtime/settings';
import { ownersOf } from './port-owners.ts';

/** @param folder where the command line keeps what it remembers */
export function localTokenFile(folder: string, port: number | string): string {
  return join(folder, `token-${port}`);
}

/** The token for the gateway at this address, a whole one; undefined when none is kept. */
export function readLocalToken(folder: string, url: string): string | undefined {
  const { protocol, host, port } = new URL(url);
  if (protocol !== 'ws:' || !namesLoopback(host)) return undefined;
  try {
    return readFileSync(localTokenFile(folder, port), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Why what listens at this address is not to see the token; undefined when it may, or the system does not say whose it is. */
export function whyNotShown(url: string): string | undefined {
  const { port } = new URL(url);
  const owners = ownersOf(Number(port));
  if (owners?.size === 0) return `nothing listens at port ${port}`;
  // Root's programs can read it, too.
  const others = [...(owners ?? [])].filter((user) => user !== 0 && user !== process.getuid?.());
  if (others.length === 0) return undefined;
  return `at port ${port} another user's program listens, which is not shown the key of npm start -- --auth`;
}
