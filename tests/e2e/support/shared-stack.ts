/** One stack for the tests of a file or a suite, which leave nothing behind on it. */
import { type Stack, type StackOptions, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll } from 'vitest';
import { RESTLESS, watchLeftovers } from './leftovers.ts';

/** Returns how to get at it from within the tests. */
export function useStack({ env, ...options }: StackOptions = {}): () => Stack {
  let stack: Stack;
  let nothingLeft: () => Promise<void>;
  beforeAll(async () => {
    stack = await startStack({ ...options, env: { ...RESTLESS, ...env } });
    nothingLeft = watchLeftovers(stack);
  });
  afterAll(async () => {
    try {
      await nothingLeft();
    } finally {
      await stack.close();
    }
  });
  return () => stack;
}
