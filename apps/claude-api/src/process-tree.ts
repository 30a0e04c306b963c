/**
 * The processes of an execution: all that descends from what holds it together, or, where nothing does any more, its
 * process group and all that carries its marker, a variable that is inherited. Only Linux shows them (/proc).
 */
import { ownOwner } from './process-owner.ts';
import { openFamilies, type Process, readProcess, readProcesses } from './process-table.ts';

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

/** A marker for one run of this process. */
export function createMarker(executionId: string, unique: string): string {
  return `${executionId}/${ownOwner}/${unique}`;
}

/**
 * Its members but the holders; ended ones that nobody has asked for are among them. What is held comes behind its parent.
 *
 * @param isEntered whose children are looked at, too
 */
export function lookAtTree(
  tree: ProcessTree,
  isEntered: (member: Process) => boolean = () => true,
): Process[] {
  const { root, holders } = tree;
  const top = root === undefined ? undefined : readProcess(root);
  const isHeld = holders.length > 0 && top !== undefined && top.state !== 'ended';
  const from = isHeld ? [top] : startOf(tree);
  const childrenOf = openFamilies();
  const seen = new Map(from.map((process) => [process.pid, process]));
  // What is put in while this goes on is gone through, too.
  for (const member of seen.values()) {
    if (!holders.includes(member.pid) && !isEntered(member)) continue;
    for (const pid of childrenOf(member.pid)) {
      const child = seen.has(pid) ? undefined : readProcess(pid);
      if (child !== undefined) seen.set(pid, child);
    }
  }
  return [...seen.values()].filter(({ pid }) => !holders.includes(pid));
}

/** What a look has shown, to be compared with that of the next one. */
export function nameLook(members: readonly Process[]): string {
  return members.map(({ pid, start, state }) => `${pid}.${start}.${state}`).join(' ');
}

/** Signals a process group; false when it no longer exists. */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-leaderPid, signal);
}

/** False when there is no such process, or it is not ours. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // EPERM: only zombies are left of a group (macOS), or a process that is no longer ours.
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Nothing holds it together, or what did has been killed. */
function startOf({ marker, root }: ProcessTree): Process[] {
  return readProcesses().filter((process) => process.marker === marker || process.pid === root);
}
