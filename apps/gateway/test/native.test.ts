import { resultFrame } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import type { DoorContext } from '../src/doors/door.ts';
import { createEventFrames } from '../src/doors/event-frames.ts';
import { openNativeDoor } from '../src/doors/native.ts';
import type { Session } from '../src/operations/session.ts';
import { silent } from './harness.ts';

/** What of a connection the door needs to be opened, told and asked. */
function connection() {
  const sent: unknown[] = [];
  const calls = { opened: 0, resumed: 0, closed: 0 };
  const attachments = {
    all: () => [],
    resume() {
      calls.resumed += 1;
    },
    close() {
      calls.closed += 1;
    },
  };
  const context = {
    outbox: { send: (frame: unknown) => void sent.push(frame), hasRoom: () => true, roomBytes: () => 0 },
    requests: { perform: async () => ({ result: {} }), countRefusal: () => undefined },
    openSession() {
      calls.opened += 1;
      return { attachments } as unknown as Session;
    },
    ceilingsFor: () => ({}),
    logger: silent,
  } as unknown as DoorContext;
  return { door: openNativeDoor(context, createEventFrames()), sent, calls };
}

test('a connection has a session only when it has asked for something, and one', async () => {
  const { door, sent, calls } = connection();
  door.beat(new Map());
  door.setDegraded('no Redis');
  door.resume();
  expect([...door.attachments()]).toEqual([]);
  await door.receive('no request');
  expect(calls).toEqual({ opened: 0, resumed: 0, closed: 0 });
  for (const id of [1, 2]) await door.receive(JSON.stringify({ jsonrpc: '2.0', id, method: 'list' }));
  expect(sent.slice(-2)).toEqual([resultFrame(1, {}), resultFrame(2, {})]);
  door.resume();
  door.close();
  expect(calls).toEqual({ opened: 1, resumed: 1, closed: 1 });
});

test('a connection that asked for nothing closes without one', () => {
  const { door, calls } = connection();
  door.close();
  expect(calls).toEqual({ opened: 0, resumed: 0, closed: 0 });
});
