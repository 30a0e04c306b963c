/** Names and options of the one BullMQ queue. It carries job ids only: what a job is stands in its record. */
import type { QueueOptions } from 'bullmq';

export const QUEUE_NAME = 'jobs';

/** BullMQ's key prefix; the braces put all of the queue's keys on one slot of a Redis Cluster. */
export function queuePrefix(keyPrefix: string): string {
  return `{${keyPrefix}:queue}`;
}

/** Nobody reads BullMQ's event stream here: it is kept short. */
export const eventStream: NonNullable<QueueOptions['streams']> = { events: { maxLen: 100 } };
