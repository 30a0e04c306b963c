/** Names and options of the one BullMQ queue. It carries job ids only: what a job is stands in its record. */
import type { KeepJobs, QueueOptions } from 'bullmq';

export const QUEUE_NAME = 'jobs';

/** BullMQ's key prefix; the braces put all of the queue's keys on one slot of a Redis Cluster. */
export function queuePrefix(keyPrefix: string): string {
  return `{${keyPrefix}:queue}`;
}

/** Ended entries stay for the dashboard, bounded in age (s) and number; the record is what counts. */
export const keepCompleted: KeepJobs = { age: 60 * 60, count: 1_000 };
export const keepFailed: KeepJobs = { age: 24 * 60 * 60, count: 1_000 };

/** Nobody reads BullMQ's event stream here: it is kept short. */
export const eventStream: NonNullable<QueueOptions['streams']> = { events: { maxLen: 100 } };
