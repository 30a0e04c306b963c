/** Record and log of a job. */
export { type Attachment, type AttachOutcome, attach, type Listener } from './attachment.ts';
export { MINUTE_MS } from './calendar.ts';
export { type JobBatches, type LineEnd, lineEndOf } from './job-batches.ts';
export type {
  AcceptLog,
  AppendCode,
  AppendOutcome,
  Attempt,
  Batch,
  BeginOutcome,
  CancelOutcome,
  JobFeed,
  JobSpec,
  ListenLog,
  NewJob,
  OwnedJob,
  Page,
  PauseOutcome,
  Position,
  Publication,
  ReadLog,
  RecordChange,
  Reservation,
  Wishes,
  WishLog,
  WriteLog,
} from './job-log.ts';
export { type KeptBody, pageOf } from './kept-body.ts';
export { createKeys, DEFAULT_KEY_PREFIX, type Keys } from './keys.ts';
export { type Charge, type Ledger, QuotaExceededError, type Spent } from './ledger.ts';
export { everyTenant, isAskedFor, type ListFilter, type Reach } from './list-query.ts';
export { createRedisAcceptLog } from './redis-accept-log.ts';
export { type CostLedger, createRedisCostLedger } from './redis-costs.ts';
export { createRedisCounts, type JobCounts } from './redis-counts.ts';
export { createRedisFeed } from './redis-feed.ts';
export { createRedisJobBatches } from './redis-job-batches.ts';
export { createRedisLedger } from './redis-ledger.ts';
export { createRedisListenLog } from './redis-listen-log.ts';
export { createRedisPlaceLedger, type PlaceGrant, type PlaceLedger } from './redis-places.ts';
export { createRedisReadLog } from './redis-read-log.ts';
export { type Claim, createRedisSweep, type JobSweep, type NextLook } from './redis-sweep.ts';
export { createRedisTraceLog, type TraceLog } from './redis-trace-log.ts';
export { createRedisUnqueued, type QueueNeed, type Unqueued } from './redis-unqueued.ts';
export { createRedisUsageBlock } from './redis-usage-block.ts';
export { createRedisWebhookDraws, type WebhookDraw, type WebhookDraws } from './redis-webhook-draws.ts';
export { createRedisWebhookLog } from './redis-webhook-log.ts';
export { createRedisWishLog } from './redis-wish-log.ts';
export { createRedisWriteLog } from './redis-write-log.ts';
export type { StoredBatch } from './stored-batch.ts';
export { type Counters, type Measure, partsOf, quantilesOf, sumOf } from './tally.ts';
export { titleOf } from './title.ts';
export {
  ALL_MODELS,
  DEFAULT_CREDENTIAL,
  TRIAL_MS,
  type UsageBlock,
  type UsageLimit,
} from './usage-block.ts';
export { createVault, type Secrets, type Vault } from './vault.ts';
export type { Progress, StoredWebhook, WebhookLog } from './webhook-log.ts';
