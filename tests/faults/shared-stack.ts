/**
 * One stack for tests that leave it as they found it, but for processes that have died: these are started anew. Each has
 * what it told the recorder so far: `check()` looks at the jobs of all of them. After a test that failed, the next one,
 * or its second try, begins on a new stack.
 */
import { afterAll, afterEach, beforeEach } from 'vitest';
import type { FaultStack } from './harness.ts';

/**
 * For a file or a suite; returns how to get at the stack from within its tests.
 * @param start makes a stack; called before the first test, and after each that failed
 */
export function shareFaultStack<T extends FaultStack>(start: () => Promise<T>): () => T {
  let shared: T | undefined;

  beforeEach(async () => {
    if (shared) await shared.revive();
    else shared = await start();
  });
  afterEach(async ({ task }) => {
    shared?.closeClients();
    if (task.result?.state === 'fail') await close();
  });
  afterAll(close);

  async function close(): Promise<void> {
    const closing = shared;
    shared = undefined;
    await closing?.close();
  }

  return () => {
    if (shared === undefined) throw new Error('asked for before the test began');
    return shared;
  };
}
