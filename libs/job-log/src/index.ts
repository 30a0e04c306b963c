/** Record and log of a job. */
export { type Attachment, type AttachOutcome, attach, type Listener } from './attachment.ts';
export type {
  AppendCode,
  AppendOutcome,
  Attempt,
  Batch,
  BeginOutcome,
  CancelOutcome,
  JobFeed,
  JobLog,
  JobSpec,
  NewJob,
  Page,
  PauseChange,
  PauseOutcome,
  Position,
  Publication,
  Wishes,
} from './job-log.ts';
export { createKeys, DEFAULT_KEY_PREFIX, DEFAULT_TENANT, type Keys } from './keys.ts';
export { createRedisFeed } from './redis-feed.ts';
export { createRedisJobLog } from './redis-job-log.ts';
export { type Claim, createRedisSweep, type JobSweep } from './redis-sweep.ts';
