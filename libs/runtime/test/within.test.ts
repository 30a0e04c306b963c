import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { TimeoutError, unlessAborted, within } from '../src/index.ts';

const never = new Promise<never>(() => undefined);
const LONG_MS = 60_000;

/** Timers that keep this process alive. */
const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length;

describe('work in time', () => {
  test('is what comes of it, and leaves neither timer nor listener behind', async () => {
    const { signal } = new AbortController();
    const before = timers();
    expect(await within(Promise.resolve('done'), LONG_MS, { signal })).toBe('done');
    await expect(within(Promise.reject(new Error('broken')), LONG_MS, { signal })).rejects.toThrow('broken');
    expect(timers()).toBe(before);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('without a limit may take as long as it likes', async () => {
    const slow = new Promise((resolve) => setTimeout(resolve, 20, 'done'));
    expect(await within(slow, Number.POSITIVE_INFINITY)).toBe('done');
  });
});

describe('work that is late', () => {
  test('is a TimeoutError with the code TIMEOUT', async () => {
    const waiting = within(never, 5);
    await expect(waiting).rejects.toBeInstanceOf(TimeoutError);
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError', code: 'TIMEOUT' });
  });

  test('is what its caller makes of it: a value, or another error', async () => {
    expect(await within(never, 5, { late: () => 'late' })).toBe('late');
    const late = () => {
      throw new Error('too late');
    };
    await expect(within(never, 5, { late })).rejects.toThrow('too late');
  });

  test('may fail afterwards without anybody hearing of it', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    expect(await within(promise, 5, { late: () => 'late' })).toBe('late');
    // An unhandled rejection would fail this run.
    reject(new Error('broken'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('a signal', () => {
  test('ends the wait with its reason, with a limit or without', async () => {
    const controller = new AbortController();
    const waits = [
      within(never, LONG_MS, { signal: controller.signal }),
      unlessAborted(never, controller.signal),
    ];
    controller.abort(new Error('enough'));
    for (const wait of waits) await expect(wait).rejects.toThrow('enough');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('that is aborted before comes first, whatever has become of the work', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(unlessAborted(Promise.resolve('done'), signal)).rejects.toThrow('enough');
    await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('enough');
  });
});
