import { afterEach, expect, test, vi } from 'vitest';
import { type Interrupts, watchInterrupts } from '../../src/up/interrupts.ts';

let interrupts: Interrupts | undefined;
afterEach(() => interrupts?.close());

function watch() {
  const clock = { ms: 1_000 };
  const onStop = vi.fn();
  const onKill = vi.fn();
  const watched = watchInterrupts({ onStop, onKill, now: () => clock.ms });
  interrupts = watched;
  return { clock, onStop, onKill, watched };
}

test('the first signal asks to stop, a later one to kill', () => {
  const { clock, onStop, onKill, watched } = watch();
  watched.take('SIGINT');
  expect(watched.stop.aborted).toBe(true);
  expect(watched.kill.aborted).toBe(false);
  clock.ms += 2_000;
  watched.take('SIGINT');
  watched.take('SIGINT');
  expect(watched.kill.aborted).toBe(true);
  expect(onStop).toHaveBeenCalledExactlyOnceWith('SIGINT');
  expect(onKill).toHaveBeenCalledTimes(1);
});

test('one Ctrl-C that arrives several times at once counts as one', () => {
  const { clock, onKill, watched } = watch();
  watched.take('SIGINT');
  clock.ms += 50;
  watched.take('SIGINT');
  watched.take('SIGTERM');
  expect(watched.kill.aborted).toBe(false);
  expect(onKill).not.toHaveBeenCalled();
});

test('leaves no listener behind', () => {
  const before = process.listenerCount('SIGTERM');
  const { watched } = watch();
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  watched.close();
  watched.close();
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
