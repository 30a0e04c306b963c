/**
 * Makes all processes of an execution stand still (SIGSTOP), and lets them go on (SIGCONT). A signal is taken when its
 * process comes to it, and meanwhile others are started, end, or lose their parents: so both look again and again, until it
 * is seen to be so.
 */
import { lookAtTree, nameLook, type ProcessTree, signalGroup, signalProcess } from './process-tree.ts';
import { untilSettled } from './settling.ts';

/** One that does not come to it by then has its signal all the same. */
const WITHIN_MS = 5_000;

/**
 * Resolves when all but the holders stand still, of which there is at least one by then; or when it is `over`. Parents come
 * first: one that ended while its child stands still would have the kernel wake that up, and hang up on it.
 */
export async function standStill(tree: () => ProcessTree, over: AbortSignal): Promise<void> {
  if (tree().holders.length === 0) signalGroup(tree().group, 'SIGSTOP');
  if (process.platform !== 'linux') return;
  await untilSettled(
    () => {
      const members = lookAtTree(tree(), ({ state }) => state !== 'moving');
      const moving = members.filter(({ state }) => state === 'moving');
      for (const { pid } of moving) signalProcess(pid, 'SIGSTOP');
      const isStill = moving.length === 0 && members.some(({ state }) => state !== 'ended');
      return isStill ? nameLook(members) : undefined;
    },
    WITHIN_MS,
    over,
  );
}

/** Resolves when none of it is stopped any more, or when it is `over`. Children come first, for the same reason. */
export async function goOn(tree: () => ProcessTree, over: AbortSignal): Promise<void> {
  if (tree().holders.length === 0) signalGroup(tree().group, 'SIGCONT');
  if (process.platform !== 'linux') return;
  let isFirst = true;
  await untilSettled(
    () => {
      const members = lookAtTree(tree());
      const stopped = members.filter(({ state }) => state === 'stopped');
      // It takes a signal back that has not been taken yet, too.
      for (const { pid } of (isFirst ? members : stopped).reverse()) signalProcess(pid, 'SIGCONT');
      isFirst = false;
      return stopped.length === 0 ? 'none is stopped' : undefined;
    },
    WITHIN_MS,
    over,
  );
}
