/**
 * Frames of events, made once for all who listen to a job on this gateway: the listeners of one publication are served
 * one right after the other, with the same array, so remembering the last one is enough.
 */
import { rawNotificationFrame } from '@cc-executor/protocol';
import { type Batch, createBatch } from './batch.ts';

/** Gives the frames of these events, as the bytes to send. */
export type EventFrames = (events: readonly string[]) => Batch;

export function createEventFrames(): EventFrames {
  let lastEvents: readonly string[] = [];
  let lastBatch = createBatch([]);
  return (events) => {
    if (events !== lastEvents) {
      lastEvents = events;
      lastBatch = createBatch(events.map((event) => rawNotificationFrame('event', event)));
    }
    return lastBatch;
  };
}
