/**
 * Who a process of ours belongs to: this very run of claude-api, told from others by its process id and start time,
 * so that a later one knows what was left behind. Ids mean something inside one PID namespace only, so that one is
 * part of the name. Only Linux shows all of it.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** Names this process: `<namespace>.<pid>.<start>`. */
export const ownOwner = `${pidNamespace()}.${process.pid}.${startOf(process.pid) ?? 0}`;

/** True only when the owner provably has ended: it was of this namespace, and no such process is left. */
export function isOwnerGone(owner: string): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)$/.exec(owner);
  if (match === null) return false;
  const [, namespace, pid, start] = match;
  if (process.platform !== 'linux' || namespace !== pidNamespace()) return false;
  return startOf(Number(pid)) !== start;
}

/** In clock ticks since the machine's start; undefined when there is no such process, or only its zombie. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; the state follows it, the start time is 19 further on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
