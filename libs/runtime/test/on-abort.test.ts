import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../src/index.ts';

test('a listener is called once, also when the signal was aborted before', () => {
  const controller = new AbortController();
  let calls = 0;
  const count = () => {
    calls += 1;
  };
  onAbort(controller.signal, count);
  expect(calls).toBe(0);
  controller.abort();
  expect(calls).toBe(1);
  onAbort(controller.signal, count);
  expect(calls).toBe(2);
});

test('a listener that was taken off is not called, and leaves nothing behind', () => {
  const controller = new AbortController();
  const off = onAbort(controller.signal, () => {
    throw new Error('called');
  });
  off();
  off();
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  controller.abort();
});
