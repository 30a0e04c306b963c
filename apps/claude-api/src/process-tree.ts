/**
 * Ends processes together with everything they started. A process group reaches most of them; a child that
 * moved to a session of its own is found by a variable it inherited, which only Linux shows (/proc).
 */
import { readdir, readFile } from 'node:fs/promises';

/** Every process that an execution starts inherits this variable. */
export const MARKER_VARIABLE = 'CC_EXECUTOR_EXECUTION_ID';

const MAX_ROUNDS = 20;

/** Signals a process group; false when it no longer exists. */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leaderPid, signal);
    return true;
  } catch (error) {
    // EPERM: only zombies are left of it (macOS).
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/**
 * Kills every process that carries the marker, until none is left: one may fork while it is being found.
 *
 * @returns how many were killed; always 0 where there is no /proc
 */
export async function killMarked(marker: string): Promise<number> {
  const killed = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const found = await findMarked(marker);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
  return killed.size;
}

/** Ids of the living processes that carry the marker. */
export async function findMarked(marker: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const entry = `${MARKER_VARIABLE}=${marker}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const carriers = await Promise.all(
    pids.map(async (pid) => ((await hasEntry(pid, entry)) ? pid : undefined)),
  );
  return carriers.filter((pid) => pid !== undefined);
}

async function hasEntry(pid: number, entry: string): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
    return environment.split('\0').includes(entry);
  } catch {
    // It ended meanwhile, or belongs to another user and so not to us.
    return false;
  }
}
