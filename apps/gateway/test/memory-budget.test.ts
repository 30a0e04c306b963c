import { expect, test } from 'vitest';
import { type Batch, createBatch } from '../src/doors/batch.ts';
import { createMemoryBudget, type Holder } from '../src/doors/memory-budget.ts';
import { untilTrue } from './harness.ts';

const BUDGET = 16 * 1024 * 1024;
const MB = 1024 * 1024;

/** A connection that holds so much, and goes when it is told to. */
function createHolder(ownBytes: number, shared: Batch[] = []) {
  const holder: Holder & { isShed: boolean; ownBytes: number } = {
    isShed: false,
    ownBytes,
    heldBytes: () =>
      holder.isShed ? 0 : holder.ownBytes + shared.reduce((sum, batch) => sum + batch.bytes, 0),
    waitingBytes: () => shared.reduce((sum, batch) => sum + batch.bytes, 0),
    batches: () => shared,
    blame: () => holder.heldBytes(),
    shed() {
      holder.isShed = true;
    },
  };
  return holder;
}

test('lets nobody go while all together hold no more than the budget', () => {
  const memory = createMemoryBudget(BUDGET);
  const holders = Array.from({ length: 15 }, () => createHolder(MB));
  for (const holder of holders) memory.add(holder);
  memory.grew(15 * MB);
  expect(memory.heldBytes()).toBe(15 * MB);
  expect(holders.some(({ isShed }) => isShed)).toBe(false);
});

test('tells what waits to be sent, of all and of the one for whom most does', () => {
  const memory = createMemoryBudget(BUDGET);
  const [a, b] = [createBatch([Buffer.alloc(MB)]), createBatch([Buffer.alloc(2 * MB)])];
  expect(memory.waiting()).toEqual({ allBytes: 0, mostBytes: 0 });
  memory.add(createHolder(4 * MB));
  memory.add(createHolder(0, [a]));
  const leave = memory.add(createHolder(0, [a, b]));
  expect(memory.waiting()).toEqual({ allBytes: 4 * MB, mostBytes: 3 * MB });
  leave();
  expect(memory.waiting()).toEqual({ allBytes: MB, mostBytes: MB });
});

test('lets those go that hold most, until there is room', () => {
  const memory = createMemoryBudget(BUDGET);
  const [large, larger, ...small] = [4, 8, 1, 1, 1, 1, 1].map((size) => createHolder(size * MB));
  for (const holder of [...small, large, larger]) if (holder) memory.add(holder);
  memory.grew(17 * MB);
  expect(larger?.isShed).toBe(true);
  expect([large, ...small].some((holder) => holder?.isShed)).toBe(false);
  expect(memory.heldBytes()).toBe(9 * MB);
});

test('lets those go first that are to blame most, though others hold more', () => {
  const memory = createMemoryBudget(BUDGET);
  const [large, hoarder] = [createHolder(10 * MB), { ...createHolder(8 * MB), blame: () => 100 * MB }];
  let isGone = false;
  memory.add(large);
  memory.add({
    ...hoarder,
    shed() {
      isGone = true;
    },
  });
  memory.grew(18 * MB);
  expect(isGone).toBe(true);
  expect(large.isShed).toBe(false);
});

test('sees that a request holds several times what came in', () => {
  const memory = createMemoryBudget(BUDGET);
  const holder = createHolder(4 * MB);
  memory.add(holder);
  memory.grew(4 * MB);
  holder.ownBytes = 20 * MB;
  memory.grew(MB);
  expect(holder.isShed).toBe(true);
});

test('lets all that is above the budget go at once, also when it has grown unseen while large frames wait', async () => {
  const memory = createMemoryBudget(BUDGET);
  const held: number[] = [];
  const holders = Array.from({ length: 12 }, () => createHolder(MB));
  for (const holder of holders) {
    memory.add({
      ...holder,
      shed() {
        holder.isShed = true;
        queueMicrotask(() => held.push(memory.heldBytes()));
      },
    });
  }
  memory.grew(12 * MB);
  expect(memory.mayRead(() => undefined)).toBe(false);
  for (const holder of holders) holder.ownBytes = 3 * MB;
  await untilTrue(() => held.length > 0);
  expect(held[0]).toBeLessThan(BUDGET);
});

test('counts what waits for many as the one piece of memory that it is', () => {
  const memory = createMemoryBudget(BUDGET);
  const shared = createBatch([Buffer.alloc(MB)]);
  const listeners = Array.from({ length: 100 }, () => createHolder(1_000, [shared]));
  for (const listener of listeners) memory.add(listener);
  memory.grew(100 * MB);
  expect(listeners.some(({ isShed }) => isShed)).toBe(false);
  const own = createHolder(16 * MB);
  memory.add(own);
  memory.grew(16 * MB);
  expect(own.isShed).toBe(true);
  expect(listeners.some(({ isShed }) => isShed)).toBe(false);
});

test('forgets a holder that has left', () => {
  const memory = createMemoryBudget(BUDGET);
  const leave = memory.add(createHolder(10 * MB));
  const other = createHolder(10 * MB);
  leave();
  memory.add(other);
  memory.grew(20 * MB);
  expect(other.isShed).toBe(false);
  expect(memory.heldBytes()).toBe(10 * MB);
});

test('large frames are read while less than half is held; then they wait, and the largest makes room', async () => {
  const memory = createMemoryBudget(BUDGET);
  const [large, small] = [createHolder(6 * MB), createHolder(MB)];
  memory.add(large);
  memory.add(small);
  expect(memory.mayRead(() => undefined)).toBe(true);
  small.ownBytes = 3 * MB;
  memory.grew(2 * MB);
  let mayGoOn = false;
  const wake = () => {
    mayGoOn = true;
  };
  expect(memory.mayRead(wake)).toBe(false);
  await untilTrue(() => mayGoOn);
  expect(large.isShed).toBe(true);
  expect(small.isShed).toBe(false);
});

test('large frames wait no longer when others have gone by themselves, and nobody is let go', async () => {
  const memory = createMemoryBudget(BUDGET);
  const [one, other] = [createHolder(5 * MB), createHolder(5 * MB)];
  memory.add(one);
  memory.add(other);
  memory.grew(10 * MB);
  let mayGoOn = false;
  const wake = () => {
    mayGoOn = true;
  };
  expect(memory.mayRead(wake)).toBe(false);
  one.ownBytes = 0;
  await untilTrue(() => mayGoOn);
  expect([one, other].some(({ isShed }) => isShed)).toBe(false);
});

test('the room of a send buffer is a share, neither tiny nor large', () => {
  const memory = createMemoryBudget(BUDGET);
  expect(memory.sendRoom()).toBe(MB);
  for (let i = 0; i < 16; i += 1) memory.add(createHolder(0));
  expect(memory.sendRoom()).toBe(256 * 1024);
  for (let i = 0; i < 1_000; i += 1) memory.add(createHolder(0));
  expect(memory.sendRoom()).toBe(64 * 1024);
});
