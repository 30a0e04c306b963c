/**
 * One budget for what a gateway holds for its connections: frames that are not complete, requests under way, what waits to
 * be sent. No limit of a single connection bounds the sum. When half of it is held, large frames are read on only as there
 * is room; while such frames wait, and above the budget in any case, those go that are to blame most; they may resume.
 *
 * A batch of events that waits for many connections is one piece of memory, and is counted once.
 */
import type { Batch } from './batch.ts';

export type Holder = {
  /** What is held for this connection, in bytes, be it shared or not. */
  heldBytes(): number;
  /** Of it, what waits to be sent, in bytes. */
  waitingBytes(): number;
  /** Of that, what the network has not been given yet. */
  batches(): Iterable<Batch>;
  /** How much it is to blame: who has most is let go first. */
  blame(): number;
  /** Lets everything go, soon. */
  shed(): void;
};

export type MemoryBudget = {
  /** Counts this holder until the returned function is called, or it has been told to shed. */
  add(holder: Holder): () => void;
  /** Something has grown by so many bytes. */
  grew(bytes: number): void;
  /** Whether more of a large frame may be read now. If not, `onRoom` is called when it may. */
  mayRead(onRoom: () => void): boolean;
  /** How much a connection's send buffer may hold before no more is read for it, in bytes. */
  sendRoom(): number;
  heldBytes(): number;
  /** What waits to be sent, to all connections, and to the one with most, in bytes. */
  waiting(): { allBytes: number; mostBytes: number };
};

/** Parts of the budget: what large frames leave free; what is counted, and let go, at a time; what send buffers share. */
const READ_PART = 1 / 2;
const STEP_PART = 1 / 16;
const SEND_PART = 1 / 4;
const MIN_SEND_ROOM_BYTES = 64 * 1024;
const MAX_SEND_ROOM_BYTES = 1024 * 1024;
/** What is let go is collected later: were all of it let go at once, that much more would be held meanwhile. */
const STEP_MS = 100;
/** So much of a frame comes in at once. */
const PIECE_BYTES = 64 * 1024;

export function createMemoryBudget(budgetBytes: number): MemoryBudget {
  const readBytes = budgetBytes * READ_PART;
  const stepBytes = budgetBytes * STEP_PART;
  const holders = new Set<Holder>();
  const waiting: (() => void)[] = [];
  let isWaking = false;
  /** At the last count. */
  let counted = 0;
  /** Since then. */
  let grown = 0;

  function heldBytes(): number {
    let sum = 0;
    for (const holder of holders) sum += holder.heldBytes();
    return sum;
  }

  /** Counts, and says whether more than this is held. Most of the time what is shared need not be looked at. */
  function isAbove(limitBytes: number): boolean {
    grown = 0;
    counted = heldBytes();
    if (counted > limitBytes) counted = countOnce(holders).bytes();
    return counted > limitBytes;
  }

  /** Lets those go that are to blame most, until no more than this is held. */
  function shedTo(limitBytes: number): void {
    const count = countOnce(holders);
    const ranked = [...holders].map((holder) => ({ holder, blame: holder.blame() }));
    for (const { holder } of ranked.sort((a, b) => b.blame - a.blame)) {
      if (count.bytes() <= limitBytes) break;
      count.remove(holder);
      holders.delete(holder);
      holder.shed();
    }
    counted = count.bytes();
  }

  function wakeSoon(): void {
    if (isWaking) return;
    isWaking = true;
    setTimeout(() => {
      isWaking = false;
      if (isAbove(readBytes))
        shedTo(Math.max(Math.min(counted, budgetBytes) - stepBytes, readBytes - stepBytes));
      const mayCome = Math.floor(Math.max(readBytes - counted, 0) / PIECE_BYTES);
      for (const wake of waiting.splice(0, mayCome)) wake();
      if (waiting.length > 0) wakeSoon();
    }, STEP_MS).unref();
  }

  return {
    add(holder) {
      holders.add(holder);
      return () => holders.delete(holder);
    },
    grew(bytes) {
      grown += bytes;
      // What has grown may hold several times its bytes: a request is parsed.
      if (grown >= stepBytes && isAbove(budgetBytes)) shedTo(budgetBytes - stepBytes);
    },
    mayRead(onRoom) {
      if (counted + grown <= readBytes || !isAbove(readBytes)) return true;
      waiting.push(onRoom);
      wakeSoon();
      return false;
    },
    sendRoom() {
      const share = (budgetBytes * SEND_PART) / Math.max(holders.size, 1);
      return Math.min(Math.max(share, MIN_SEND_ROOM_BYTES), MAX_SEND_ROOM_BYTES);
    },
    heldBytes,
    waiting() {
      let [allBytes, mostBytes] = [0, 0];
      for (const holder of holders) {
        const bytes = holder.waitingBytes();
        allBytes += bytes;
        mostBytes = Math.max(mostBytes, bytes);
      }
      return { allBytes, mostBytes };
    },
  };
}

/** The sum over these holders, each batch counted once however many have it. */
function countOnce(holders: Iterable<Holder>): { bytes(): number; remove(holder: Holder): void } {
  const shares = new Map<Batch, number>();
  let bytes = 0;
  for (const holder of holders) {
    bytes += holder.heldBytes();
    for (const batch of holder.batches()) {
      const known = shares.get(batch) ?? 0;
      if (known > 0) bytes -= batch.bytes;
      shares.set(batch, known + 1);
    }
  }
  return {
    bytes: () => bytes,
    remove(holder) {
      bytes -= holder.heldBytes();
      for (const batch of holder.batches()) {
        const left = (shares.get(batch) ?? 1) - 1;
        // Others still have it.
        if (left > 0) bytes += batch.bytes;
        shares.set(batch, left);
      }
    },
  };
}
