/** Record and log of a job. */
export { type Attachment, type AttachOutcome, attach, type Listener } from './attachment.ts';
export { type Cursor, createCursor, hasGap, offerRun } from './cursor.ts';
export type {
  AppendCode,
  AppendOutcome,
  Attempt,
  Batch,
  BeginOutcome,
  CancelOutcome,
  Created,
  JobFeed,
  JobList,
  JobLog,
  JobSpec,
  NewJob,
  Page,
  PauseChange,
  PauseOutcome,
  Position,
  Publication,
  ReleaseCode,
  RenewOutcome,
  StoredJob,
  Wishes,
} from './job-log.ts';
export { createKeys, DEFAULT_KEY_PREFIX, DEFAULT_TENANT, type Keys } from './keys.ts';
export { createRedisFeed, type RedisFeed } from './redis-feed.ts';
export { createRedisJobLog, type JobLogOptions } from './redis-job-log.ts';
export { type Claim, createRedisSweep, type JobSweep, type Settled } from './redis-sweep.ts';
