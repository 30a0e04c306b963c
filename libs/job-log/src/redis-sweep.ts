/**
 * What a sweeper does to the job log: claim the jobs whose lease or deadline may have passed, decide about each in one
 * step, and put right when it is due again. The index is only a reminder: the record decides.
 */
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUTS, type TerminalStatus } from '@cc-executor/protocol';
import { type RedisConnection, serversOf, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { ledgerBeside } from './ledger.ts';
import { LONGEST_LIFE_MS } from './longest-life.ts';
import { createJobIndex } from './redis-index.ts';
import { createExpire, createRecount } from './redis-ledger.ts';
import { keepReservation } from './redis-reservation.ts';
import { defineScripts } from './scripts.ts';

/** When they were claimed, and until when they are held. */
export type Claim = { at: number; heldUntil: number; jobIds: string[] };

type Settled =
  | { code: 'stale' | 'gone' | 'terminal' }
  | { code: 'ended'; status: TerminalStatus; tenant: string; lostAttempt?: number }
  | {
      code: 'queued' | 'requeued' | 'alive';
      nextAt: number;
      priority: number;
      tenant: string;
      /** Whoever listened may have gone, and their gateway died: should nobody listen, it is to be cancelled. */
      mayBeAbandoned: boolean;
      /** Of one that is requeued. */
      lostAttempt?: number;
    };

/** When a job must be looked at next: never, when `at` is undefined. */
export type NextLook = {
  jobId: string;
  at: number | undefined;
  /** It waits for a worker, and nobody knows whether the queue has it. */
  isUnqueued?: boolean;
};

export type JobSweep = {
  /** Claims up to `limit` due jobs; they are due again after `holdMs` if nothing is done with them. */
  claim(limit: number, holdMs: number): Promise<Claim>;
  /** Decides about one claimed job; ends it when no worker will. */
  settle(jobId: string, claim: Pick<Claim, 'at'>): Promise<Settled>;
  /** Ends the claim of these jobs. One that has become due earlier meanwhile stays so; one that was taken out stays out. */
  reschedule(claim: Claim, looks: NextLook[]): Promise<void>;
  /** How many processes listen to a job's events now. */
  countListeners(jobId: string): Promise<number>;
  /** Takes out of every tenant's indexes what has expired; returns how many. */
  prune(): Promise<number>;
  /** Frees what the output of jobs took in the ledger that is gone, and what gateways had that are; returns of how many jobs, a bounded number at once. */
  expire(): Promise<number>;
  /** Settles what jobs are charged with that nobody will settle any more, and frees their output; returns of how many. */
  recount(): Promise<number>;
  /** How many jobs the index holds: all that are not known to have ended. */
  size(): Promise<number>;
};

/** A claim that is older when the decision is made is void: Redis stood still, and leases lapsed that are alive. */
const MAX_CLAIM_AGE_MS = 2_000;
/** A running job is ended by its worker at its deadline; this long after it, by the sweeper. */
const DEADLINE_SLACK_MS = 10_000;
/** Jobs of a list that are looked at in one step. */
const PRUNE_STEP = 500;

export function createRedisSweep({
  redis,
  keys,
  retentionMs,
}: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
}): JobSweep {
  const index = createJobIndex({ redis, keys, retentionMs });
  const expire = createExpire({ redis, keys });
  const recount = createRecount({ redis, keys });
  const scripts = defineScripts(redis, 'claim', 'settle', 'reschedule');

  async function claim(limit: number, holdMs: number): Promise<Claim> {
    const [now, heldUntil, ...jobIds] = await tellErrorsApart(
      scripts.claim([keys.due, keys.claimed], [limit, holdMs]),
    );
    return { at: Number(now), heldUntil: Number(heldUntil), jobIds: jobIds as string[] };
  }

  async function settle(jobId: string, { at }: Pick<Claim, 'at'>): Promise<Settled> {
    const [code, detail, ...more] = await tellErrorsApart(
      scripts.settle(
        [keys.record(jobId), keys.log(jobId), ...ledgerBeside(redis, keys)],
        [
          keys.channel(jobId),
          at,
          MAX_CLAIM_AGE_MS,
          retentionMs,
          DEADLINE_SLACK_MS,
          DEFAULT_TIMEOUTS.queueMs,
          DEFAULT_MAX_ATTEMPTS,
          jobId,
        ],
      ),
    );
    if (code === 'ended' || code === 'terminal') {
      const [tenant = '', attempt = ''] = more.map(String);
      const status = detail as TerminalStatus;
      await tellErrorsApart(index.foundEnded(tenant, jobId, status));
      if (code === 'terminal') return { code };
      return { code, status, tenant, ...(attempt !== '' && { lostAttempt: Number(attempt) }) };
    }
    const [priority, onDisconnect, tenant, keyHash, attempt] = more;
    if (code === 'requeued') await tellErrorsApart(index.mark(String(tenant), jobId, false));
    if (code === 'queued' || code === 'requeued' || code === 'alive') {
      const mayBeAbandoned = onDisconnect === 'cancel';
      if (keyHash) {
        await tellErrorsApart(keepReservation({ redis, keys, retentionMs }, String(tenant), String(keyHash)));
      }
      return {
        code,
        nextAt: Number(detail),
        priority: Number(priority),
        tenant: String(tenant),
        mayBeAbandoned,
        ...(attempt !== undefined && { lostAttempt: Number(attempt) }),
      };
    }
    return { code: code as 'stale' | 'gone' };
  }

  async function reschedule({ heldUntil }: Claim, looks: NextLook[]): Promise<void> {
    if (looks.length === 0) return;
    await scripts.reschedule(
      [keys.due, keys.claimed, keys.unqueued, keys.webhooks],
      [heldUntil, ...looks.flatMap(({ jobId, at, isUnqueued }) => [jobId, at ?? '', isUnqueued ? '1' : ''])],
    );
  }

  async function size(): Promise<number> {
    const [due, claimed] = await Promise.all([redis.zcard(keys.due), redis.zcard(keys.claimed)]);
    return due + claimed;
  }

  async function countListeners(jobId: string): Promise<number> {
    const channel = keys.channel(jobId);
    // In a cluster each node knows only its own subscribers.
    const replies = await Promise.all(serversOf(redis).map((node) => node.pubsub('NUMSUB', channel)));
    return replies.reduce((sum, reply) => sum + Number((reply as [string, number])[1]), 0);
  }

  async function prune(): Promise<number> {
    let pruned = 0;
    for (const tenant of await redis.smembers(keys.tenants)) pruned += await pruneTenant(tenant);
    return pruned;
  }

  /** Those that were to expire by now, and those that nobody saw end and that are old: the record decides. */
  async function pruneTenant(tenant: string): Promise<number> {
    const [seconds] = await redis.time();
    const now = Number(seconds) * 1_000;
    const expired = await pruneUntil(tenant, keys.expiring(tenant), now);
    return expired + (await pruneUntil(tenant, keys.jobs(tenant), now - retentionMs - LONGEST_LIFE_MS));
  }

  async function pruneUntil(tenant: string, list: string, until: number): Promise<number> {
    let pruned = 0;
    let kept = 0;
    while (true) {
      const jobIds = await redis.zrange(list, '-inf', String(until), 'BYSCORE', 'LIMIT', kept, PRUNE_STEP);
      const isThere = await Promise.all(jobIds.map((jobId) => redis.exists(keys.record(jobId))));
      const gone = jobIds.filter((_, i) => isThere[i] === 0);
      pruned += await index.drop(tenant, gone);
      kept += jobIds.length - gone.length;
      if (jobIds.length < PRUNE_STEP) return pruned;
    }
  }

  return {
    claim,
    settle,
    reschedule: (...args) => tellErrorsApart(reschedule(...args)),
    countListeners: (jobId) => tellErrorsApart(countListeners(jobId)),
    prune: () => tellErrorsApart(prune()),
    expire: () => tellErrorsApart(expire()),
    recount: () => tellErrorsApart(recount()),
    size: () => tellErrorsApart(size()),
  };
}
