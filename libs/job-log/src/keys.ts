/**
 * Every Redis key and channel of jobs, built in one place. A job's keys share the hash tag {jobId}, so that its scripts
 * run on one slot of a Redis Cluster; the indexes have slots of their own and are never part of a job's script.
 */
import type { TerminalStatus } from '@cc-executor/protocol';
import { controlChannel } from '@cc-executor/signals';

export type Keys = {
  /** Hash: what the job is. Fields: epoch, tenant, status, fence, seq, spec (without metadata), metadata, totalMs, retry,
   * maxAttempts, priority, onDisconnect, keyHash, traceparent, createdAt, rerunOf, title, costUsd, spent, failure, conversation, startedAt, endedAt, deadline, endBy, attempts, lease, output,
   * cancelBy, owner, begunAt, late, pauseWish, pausedAt, leftMs, notBefore, logBytes, bodyBytes, outputOf, listeners, moreListeners, webhook, delivery; and, here so that they end with it, the pages of
   * whole messages (kept-body.ts). Of a job that has ended those are gone that are about running it (shared.lua). */
  record(jobId: string): string;
  /** List: for each batch its head 'firstSeq attempt time', and the bodies of its events as JSON, one a line. */
  log(jobId: string): string;
  /** Channel: batches of events, as they are appended. */
  channel(jobId: string): string;
  /** Sorted set of unfinished jobs by when their lease or their deadline can have passed. */
  due: string;
  /** Sorted set of those that a sweeper looks at now, by when another may; on the slot of `due`, as the next two are. */
  claimed: string;
  /** Sorted set of jobs whose webhook is to be sent, or which have not ended, by when to look; on the slot of `due`. */
  webhooks: string;
  /** Sorted set of those whose webhook a gateway is sending, by when another may. */
  webhooksClaimed: string;
  /** Hash: by tenant, when its secret for webhooks was drawn, when the one before was, and until when that is good. */
  webhookDraws: string;
  /** Sorted set of queued jobs that the queue may not have, by when their entry is to be looked for. */
  unqueued: string;
  /** Hash: how far all gateways together have come in looking at each job of `due` in turn. */
  round: string;
  /** Sorted set of a tenant's jobs by creation time; on the slot of `due`, as all that follows of a tenant. */
  jobs(tenant: string): string;
  /** Sorted set of their ids, by name. */
  ids(tenant: string): string;
  /** Sorted set of those that can be found by a text, each with it behind its id, by creation time. */
  texts(tenant: string): string;
  /** Hash: by id, the members of a job's metadata that it can be found by, [name, value] each, as JSON. */
  filed(tenant: string): string;
  /** Sorted set of the jobs that have such a member, by creation time, as those that follow. */
  member(tenant: string, name: string, value: string): string;
  /** Those that are not known to have ended. */
  unfinished(tenant: string): string;
  /** Those whose status may change at any moment. */
  live(tenant: string): string;
  /** Those that have ended so. */
  ended(tenant: string, status: TerminalStatus): string;
  /** Sorted set of those that have ended, by when their record is gone. */
  expiring(tenant: string): string;
  /** Hash: counters of the jobs that ended in a minute (Unix ms of its beginning), by name; on the slot of `due`, as the next. */
  minute(at: number): string;
  /** The same of a day (UTC, as `2026-11-27`). */
  day(date: string): string;
  /** Hash: what is taken of each account of tenants and keys; on the slot of `due`, as the next. */
  ledger: string;
  /** Hash: by id, what a job is charged with that has not ended, as JSON. */
  charged: string;
  /** Hash: by id, how many bytes the output of a job takes that counts in accounts, and which these are; until its record is gone. */
  outputs: string;
  /** Sorted set of those that have ended, by when it is. */
  outputsExpiring: string;
  /** Sorted set of the gateways that have places in accounts of the ledger, by when their lease lapses; on its slot. */
  gateways: string;
  /** Hash: how many places such a gateway has, by account. */
  places(gateway: string): string;
  /** String: 'amount at': what requests of an account have cost that has not drained, and when it was that much; on the slot of `due`. */
  cost(account: string): string;
  /** Set of the tenants that have such a list, on its slot. */
  tenants: string;
  /** String: 'jobId payloadHash since' of an idempotency key. */
  idempotency(tenant: string, keyHash: string): string;
  /** Hash: what a batch is. Fields: tenant, createdAt, lastLine, sha256, cancelledAt, and how many lines have ended in each way. */
  batch(batchId: string): string;
  /** Hash: by number of a line its jobId, or why it has none, as JSON. */
  batchLines(batchId: string): string;
  /** Sorted set of the numbers of lines whose jobs are not known to have ended. */
  batchUnfinished(batchId: string): string;
  /**
   * Hash: which usage limits of a credential are reached, and who tries them afterwards. Fields: until, limit, trial and
   * trialEndsAt, each with a colon and the model that is limited, or nothing for all.
   */
  usageBlock(credential: string): string;
  /** Sorted set of the credentials that have such a hash, by the time at which that expires. */
  blockedCredentials: string;
  /** String that is written before asking whether replicas have all that stands before it. */
  replicated: string;
  /** Channel: words to workers. */
  control: string;
};

/** Builds the keys under a prefix; tests use a prefix of their own. */
export function createKeys(prefix: string): Keys {
  return {
    record: (jobId) => `${prefix}:{${jobId}}:record`,
    log: (jobId) => `${prefix}:{${jobId}}:log`,
    channel: (jobId) => `${prefix}:{${jobId}}:events`,
    due: `${prefix}:{due}`,
    claimed: `${prefix}:{due}:claimed`,
    webhooks: `${prefix}:{due}:webhooks`,
    webhooksClaimed: `${prefix}:{due}:webhooks:claimed`,
    webhookDraws: `${prefix}:{due}:webhooks:draws`,
    unqueued: `${prefix}:{due}:unqueued`,
    round: `${prefix}:{due}:round`,
    jobs: (tenant) => `${prefix}:{due}:jobs:${tenant}`,
    ids: (tenant) => `${prefix}:{due}:ids:${tenant}`,
    texts: (tenant) => `${prefix}:{due}:texts:${tenant}`,
    filed: (tenant) => `${prefix}:{due}:filed:${tenant}`,
    // As JSON no name and value can be taken for others.
    member: (tenant, name, value) => `${prefix}:{due}:member:${JSON.stringify([name, value])}:${tenant}`,
    unfinished: (tenant) => `${prefix}:{due}:unfinished:${tenant}`,
    live: (tenant) => `${prefix}:{due}:live:${tenant}`,
    ended: (tenant, status) => `${prefix}:{due}:${status}:${tenant}`,
    expiring: (tenant) => `${prefix}:{due}:expiring:${tenant}`,
    minute: (at) => `${prefix}:{due}:minute:${at}`,
    day: (date) => `${prefix}:{due}:day:${date}`,
    ledger: `${prefix}:{due}:ledger`,
    charged: `${prefix}:{due}:charged`,
    outputs: `${prefix}:{due}:outputs`,
    outputsExpiring: `${prefix}:{due}:outputs:expiring`,
    gateways: `${prefix}:{due}:gateways`,
    places: (gateway) => `${prefix}:{due}:places:${gateway}`,
    cost: (account) => `${prefix}:{due}:cost:${account}`,
    tenants: `${prefix}:{due}:tenants`,
    idempotency: (tenant, keyHash) => `${prefix}:idempotency:${tenant}:${keyHash}`,
    batch: (batchId) => `${prefix}:batch:{${batchId}}`,
    batchLines: (batchId) => `${prefix}:batch:{${batchId}}:lines`,
    batchUnfinished: (batchId) => `${prefix}:batch:{${batchId}}:unfinished`,
    usageBlock: (credential) => `${prefix}:{usage-block}:${credential}`,
    blockedCredentials: `${prefix}:{usage-block}`,
    replicated: `${prefix}:replicated`,
    control: controlChannel(prefix),
  };
}

export const DEFAULT_KEY_PREFIX = 'cce';
