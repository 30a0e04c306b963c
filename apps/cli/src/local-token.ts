/**
 * The token of a gateway that this user runs with `npm start -- --auth`: a file for each port of this machine. It is shown to what
 * listens there and to nobody else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { namesLoopback } from '@cc-executor/runtime/settings';

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
