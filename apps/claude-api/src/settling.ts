/** Looks at something that moves until it has settled. */
import { sleep } from '@cc-executor/runtime';

/** What a look has shown; undefined: it has not settled. Two of the same in a row are taken for the truth. */
export type Look = () => string | undefined;

const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 16;

/**
 * Looks until two looks in a row show the same: in a single one, whoever lost its parent at that moment seems to belong to
 * nobody. A look that fails has shown nothing.
 *
 * @returns whether it has settled within that time, and before `over`
 */
export async function untilSettled(look: Look, withinMs: number, over?: AbortSignal): Promise<boolean> {
  const endAt = performance.now() + withinMs;
  let before: string | undefined;
  for (let waitMs = FIRST_WAIT_MS; !over?.aborted && performance.now() < endAt; ) {
    const seen = tryLook(look);
    if (seen !== undefined && seen === before) return true;
    const isFirst = seen !== undefined && before === undefined;
    before = seen;
    if (isFirst) continue;
    await sleep(waitMs, over).catch(() => {
      // It is over.
    });
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
  }
  return false;
}

/** The same without giving way: for a process that is about to end, or to begin. */
export function untilSettledSync(look: Look, withinMs: number): void {
  const endAt = performance.now() + withinMs;
  for (let before: string | undefined; performance.now() < endAt; ) {
    const seen = tryLook(look);
    if (seen !== undefined && seen === before) return;
    before = seen;
  }
}

function tryLook(look: Look): string | undefined {
  try {
    return look();
  } catch {
    // No descriptor was left to look with, say.
    return undefined;
  }
}
