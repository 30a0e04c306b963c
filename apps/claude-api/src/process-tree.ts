/**
 * Signals processes together with everything they started: the group, all that descends from what holds an execution
 * together, and all that carries its marker, a variable that is inherited. Only Linux shows the last two (/proc).
 */
import { sleep } from '@cc-executor/runtime';
import { isOwnerGone, ownOwner } from './process-owner.ts';
import { type Process, readProcesses, readProcessesSync } from './process-table.ts';

/** What belongs to one execution. */
export type ProcessTree = {
  readonly marker: string;
  /** The process group that it began in. */
  readonly group: number;
  /** Whatever descends from this process belongs to it. Only while that one lives: ids are used again. */
  readonly root?: number | undefined;
  /** They hold the rest together, so they go on while that is stopped, and end last. */
  readonly holders: readonly number[];
};

/** Processes that end take a moment; one that the kernel holds back cannot be waited for. */
const KILL_WITHIN_MS = 10_000;
const BETWEEN_LOOKS_MS = 10;
const MAX_ROUNDS = 20;
/** In a single look whoever lost its parent at that moment seems to belong to nobody: so many in a row must find nothing. */
const QUIET_LOOKS = 2;

/** A marker for one run of this process. */
export function createMarker(executionId: string, unique: string): string {
  return `${executionId}/${ownOwner}/${unique}`;
}

/** Signals a process group; false when it no longer exists. */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-leaderPid, signal);
}

/** Signals all of it but its holders, until a look round finds no new process: one may fork while it is being found. */
export async function signalTree(tree: ProcessTree, signal: NodeJS.Signals): Promise<void> {
  if (tree.holders.length === 0) signalGroup(tree.group, signal);
  const signalled = new Set<number>();
  for (let round = 0, quiet = 0; round < MAX_ROUNDS && quiet < QUIET_LOOKS; round += 1) {
    const found = heldBy([tree], await readProcesses()).filter((pid) => !signalled.has(pid));
    quiet = found.length === 0 ? quiet + 1 : 0;
    for (const pid of found) {
      signalled.add(pid);
      signalProcess(pid, signal);
    }
  }
}

/** Kills all of it but its holders, until none is left, or for ten seconds. */
export async function killTree(tree: ProcessTree): Promise<void> {
  if (tree.holders.length === 0) signalGroup(tree.group, 'SIGKILL');
  const endAt = performance.now() + KILL_WITHIN_MS;
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < endAt; ) {
    const found = heldBy([tree], await readProcesses());
    quiet = found.length === 0 ? quiet + 1 : 0;
    for (const pid of found) signalProcess(pid, 'SIGKILL');
    if (quiet === 0) await sleep(BETWEEN_LOOKS_MS);
  }
}

/** Kills what holds a tree together. */
export function killHolders({ holders }: ProcessTree): void {
  for (const pid of holders) signalProcess(pid, 'SIGKILL');
}

/** Kills all of several trees, holders last, without giving way: for a process that is about to end. */
export function killTreesSync(trees: readonly ProcessTree[]): void {
  for (const { group, holders } of trees) if (holders.length === 0) signalGroup(group, 'SIGKILL');
  killSync((processes) => heldBy(trees, processes));
  trees.forEach(killHolders);
}

/** Kills what a claude-api that has ended left behind on this machine; gives the number of processes. */
export function killLeftovers(): number {
  return killSync((processes) => {
    const lost = processes.filter(({ marker }) => isOwnerGone(marker?.split('/').at(-2) ?? ''));
    const pids = new Set(lost.map(({ pid }) => pid));
    // The topmost hold the rest together.
    const tops = lost.filter(({ parent }) => !pids.has(parent)).map(({ pid }) => pid);
    const below = withDescendants(processes, pids).filter((pid) => !tops.includes(pid));
    return below.length > 0 ? below : tops;
  });
}

function killSync(find: (processes: readonly Process[]) => number[]): number {
  const killed = new Set<number>();
  for (let round = 0, quiet = 0; round < MAX_ROUNDS && quiet < QUIET_LOOKS; round += 1) {
    const found = find(readProcessesSync());
    quiet = found.length === 0 ? quiet + 1 : 0;
    for (const pid of found) {
      killed.add(pid);
      signalProcess(pid, 'SIGKILL');
    }
  }
  return killed.size;
}

/** Those that belong to one of the trees, without the holders. */
function heldBy(trees: readonly ProcessTree[], processes: readonly Process[]): number[] {
  const markers = new Set(trees.map(({ marker }) => marker));
  const holders = new Set(trees.flatMap((tree) => tree.holders));
  const marked = processes.filter(({ marker }) => marker !== undefined && markers.has(marker));
  const roots = trees.map(({ root }) => root).filter((root) => root !== undefined);
  const found = withDescendants(processes, [...roots, ...marked.map(({ pid }) => pid)]);
  return found.filter((pid) => !holders.has(pid));
}

/** These and all that descend from them. */
function withDescendants(processes: readonly Process[], pids: Iterable<number>): number[] {
  const found = new Set(pids);
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return [...found];
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
