/**
 * Signals processes together with everything they started. A process group reaches most of them; a child that
 * moved to a session of its own is found by a variable it inherited, which only Linux shows (/proc).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isOwnerGone, ownOwner } from './process-owner.ts';

/** Every process that an execution starts inherits this variable: `<execution>/<owner>/<unique>`. */
export const MARKER_VARIABLE = 'CC_EXECUTOR_EXECUTION_ID';

const MAX_ROUNDS = 20;

/** A marker for one run of this process. */
export function createMarker(executionId: string, unique: string): string {
  return `${executionId}/${ownOwner}/${unique}`;
}

/** Signals a process group; false when it no longer exists. */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-leaderPid, signal);
}

/**
 * Signals the group and every process that carries the marker, until a look round finds no new one: one may fork
 * while it is being found.
 */
export async function signalTree(leaderPid: number, marker: string, signal: NodeJS.Signals): Promise<void> {
  signalGroup(leaderPid, signal);
  const signalled = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const found = (await findMarked(marker)).filter((pid) => !signalled.has(pid));
    if (found.length === 0) return;
    for (const pid of found) {
      signalled.add(pid);
      signalProcess(pid, signal);
    }
  }
}

/**
 * Kills every process that carries the marker, until none is left.
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
      signalProcess(pid, 'SIGKILL');
    }
  }
  return killed.size;
}

/** Ids of the living processes that carry the marker. */
export async function findMarked(marker: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const pids = numbersOf(await readdir('/proc'));
  const carriers = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return markerIn(environment) === marker ? pid : undefined;
    }),
  );
  return carriers.filter((pid) => pid !== undefined);
}

/** Kills all carriers of markers that satisfy the condition, without giving way: for a process that is about to end. */
export function killMarkedSync(condition: (marker: string) => boolean): number {
  if (process.platform !== 'linux') return 0;
  const killed = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const found = numbersOf(readdirSync('/proc')).filter((pid) => {
      const marker = markerOf(pid);
      return marker !== undefined && condition(marker);
    });
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      signalProcess(pid, 'SIGKILL');
    }
  }
  return killed.size;
}

/** Kills what a claude-api that has ended left behind on this machine. */
export function killLeftovers(): number {
  return killMarkedSync((marker) => isOwnerGone(marker.split('/').at(-2) ?? ''));
}

function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // EPERM: only zombies are left of a group (macOS), or a process that is no longer ours.
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function markerOf(pid: number): string | undefined {
  try {
    return markerIn(readFileSync(`/proc/${pid}/environ`, 'latin1'));
  } catch {
    // It ended meanwhile, or belongs to another user and so not to us.
    return undefined;
  }
}

function markerIn(environment: string): string | undefined {
  const start = `${MARKER_VARIABLE}=`;
  return environment
    .split('\0')
    .find((entry) => entry.startsWith(start))
    ?.slice(start.length);
}

function numbersOf(names: readonly string[]): number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
