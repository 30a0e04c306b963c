/**
 * Frames of events, made once for all who listen to a job on this gateway: the listeners of one publication are served
 * one right after the other, with the same array, so remembering the last one is enough.
 */
import { rawNotificationFrame } from '@cc-executor/protocol';

/** Gives the frames of these events, as the bytes to send. */
export type EventFrames = (events: readonly string[]) => readonly Buffer[];

export function createEventFrames(): EventFrames {
  let lastEvents: readonly string[] = [];
  let lastFrames: readonly Buffer[] = [];
  return (events) => {
    if (events !== lastEvents) {
      lastEvents = events;
      lastFrames = events.map((event) => Buffer.from(rawNotificationFrame('event', event)));
    }
    return lastFrames;
  };
}
