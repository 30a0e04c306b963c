/** Whose programs listen at a port of this machine, at whatever address: Linux says so. */
import { readFileSync } from 'node:fs';

const LISTENING = '0A';

/** The ids of their users; undefined where the system does not say. */
export function ownersOf(port: number): ReadonlySet<number> | undefined {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => read(path) ?? []);
  if (tables.length === 0) return undefined;
  const sockets = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
  const name = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const there = sockets.filter(([, local, , state]) => state === LISTENING && local?.endsWith(name));
  return new Set(there.map(([, , , , , , , user]) => Number(user)));
}

/** There is none of version 6 where that is off. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
