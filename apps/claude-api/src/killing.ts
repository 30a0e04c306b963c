/** Ends all processes of an execution, and what a claude-api that has ended left behind. */
import { isOwnerGone } from './process-owner.ts';
import { type MarkedProcess, type Process, readProcesses } from './process-table.ts';
import { lookAtTree, nameLook, type ProcessTree, signalGroup, signalProcess } from './process-tree.ts';
import { untilSettled, untilSettledSync } from './settling.ts';

/** Processes that end take a moment; one that the kernel holds back cannot be waited for. */
const WITHIN_MS = 10_000;
const SYNC_WITHIN_MS = 1_000;

/** Kills all of it but its holders, until none is left, or for ten seconds. The tree may change meanwhile. */
export async function killTree(tree: () => ProcessTree): Promise<void> {
  killGroup(tree());
  await untilSettled(() => {
    const members = lookAtTree(tree());
    const living = members.filter(isAlive);
    for (const { pid } of living) signalProcess(pid, 'SIGKILL');
    return living.length === 0 ? nameLook(members) : undefined;
  }, WITHIN_MS);
}

/** Kills what holds a tree together. */
export function killHolders({ holders }: ProcessTree): void {
  for (const pid of holders) signalProcess(pid, 'SIGKILL');
}

/** Kills all of several trees, holders last, without giving way: for a process that is about to end. */
export function killTreesSync(trees: readonly ProcessTree[]): void {
  trees.forEach(killGroup);
  killSync(() => trees.flatMap((tree) => lookAtTree(tree)));
  trees.forEach(killHolders);
}

/** Kills what a claude-api that has ended left behind on this machine; gives the number of processes. */
export function killLeftovers(): number {
  return killSync(() => {
    const processes = readProcesses();
    const lost = processes.filter(({ marker }) => isOwnerGone(marker?.split('/').at(-2) ?? ''));
    const all = withDescendants(processes, lost);
    // The topmost hold the rest together.
    const below = all.filter(({ parent }) => all.some(({ pid }) => pid === parent));
    return below.some(isAlive) ? below : all;
  });
}

/** Kills what is found until nothing is; gives the number of processes. */
function killSync(find: () => readonly Process[]): number {
  const killed = new Set<string>();
  untilSettledSync(() => {
    const living = find().filter(isAlive);
    for (const { pid, start } of living) {
      signalProcess(pid, 'SIGKILL');
      killed.add(`${pid}.${start}`);
    }
    return living.length === 0 ? 'nothing' : undefined;
  }, SYNC_WITHIN_MS);
  return killed.size;
}

function killGroup({ holders, group }: ProcessTree): void {
  if (holders.length === 0) signalGroup(group, 'SIGKILL');
}

/** These and all that descend from them. */
function withDescendants(
  processes: readonly MarkedProcess[],
  from: readonly MarkedProcess[],
): MarkedProcess[] {
  const found = new Set(from);
  const pids = new Set(from.map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const process of processes) {
      if (!pids.has(process.parent)) continue;
      found.add(process);
      pids.add(process.pid);
    }
  }
  return [...found];
}

function isAlive({ state }: Process): boolean {
  return state !== 'ended';
}
