import { expect, test } from 'vitest';
import { createLiveness } from '../src/doors/liveness.ts';

const idle = { takenBytes: 0, waitingBytes: 0 };

test('a client that answers each ping stays', () => {
  const liveness = createLiveness();
  for (let i = 0; i < 20; i += 1) {
    expect(liveness.beat(idle)).toBeUndefined();
    liveness.answered();
  }
});

test('a client that answers nothing is gone at the third heartbeat after the last sign of it', () => {
  const liveness = createLiveness();
  expect([1, 2, 3, 4].map(() => liveness.beat(idle))).toEqual([
    undefined,
    undefined,
    undefined,
    'heartbeat_missed',
  ]);
});

test('an answer that comes late counts as well as one that comes at once', () => {
  const liveness = createLiveness();
  for (let i = 0; i < 5; i += 1) {
    for (let beat = 0; beat < 3; beat += 1) expect(liveness.beat(idle)).toBeUndefined();
    liveness.answered();
  }
});

test('a client that takes something of what waits stays, however little it is, without any answer', () => {
  const liveness = createLiveness();
  for (let takenBytes = 1; takenBytes < 20; takenBytes += 1) {
    expect(liveness.beat({ takenBytes, waitingBytes: 1_000_000 })).toBeUndefined();
  }
});

test('a client that takes nothing of what waits is a slow one', () => {
  const liveness = createLiveness();
  const stuck = { takenBytes: 5_000, waitingBytes: 1_000_000 };
  const beats = [1, 2, 3, 4].map(() => liveness.beat(stuck));
  expect(beats.indexOf('slow_consumer')).toBe(3);
});

test('what the network takes at once, as a heartbeat is, says nothing of the client', () => {
  const liveness = createLiveness();
  const beats = [100, 200, 300, 400].map((takenBytes) => liveness.beat({ takenBytes, waitingBytes: 0 }));
  expect(beats.at(-1)).toBe('heartbeat_missed');
});
