/** Reading the ledger in Redis, and the chore that looks through it for what nobody will settle, or ask for, any more. */
import { isTerminal, type JobStatus } from '@cc-executor/protocol';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { type Ledger, NOTHING_SPENT, writeSpent } from './ledger.ts';
import { LONGEST_LIFE_MS } from './longest-life.ts';
import { defineScripts } from './scripts.ts';

/** What is looked at in one step. */
const STEP = 500;

export function createRedisLedger({ redis, keys }: { redis: RedisConnection; keys: Keys }): Ledger {
  async function taken(accounts: readonly string[]): Promise<number[]> {
    if (accounts.length === 0) return [];
    return (await redis.hmget(keys.ledger, ...accounts)).map((amount) => Number(amount ?? 0));
  }

  async function nextGone(tenant: string): Promise<number | undefined> {
    const now = `(${Date.now()}`;
    const [, at] = await redis.zrangebyscore(keys.expiring(tenant), now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1);
    return at === undefined ? undefined : Number(at);
  }

  return {
    taken: (accounts) => tellErrorsApart(taken(accounts)),
    nextGone: (tenant) => tellErrorsApart(nextGone(tenant)),
  };
}

/** Makes `JobSweep.expire`. */
export function createExpire({ redis, keys }: { redis: RedisConnection; keys: Keys }) {
  const { expire } = defineScripts(redis, 'expire');
  return async (...jobIds: string[]): Promise<number> => {
    const [freed] = await expire(
      [keys.ledger, keys.outputs, keys.outputsExpiring, keys.gateways, keys.places('')],
      [STEP, ...jobIds],
    );
    return Number(freed);
  };
}

/** Makes `JobSweep.recount`. */
export function createRecount({ redis, keys }: { redis: RedisConnection; keys: Keys }) {
  const { free } = defineScripts(redis, 'free');
  const expire = createExpire({ redis, keys });

  /** Whoever was to settle it has died, or its record was never made: a sweeper has nothing to remember it by. */
  async function settleStray(jobId: string): Promise<number> {
    const [status, spent] = await redis.hmget(keys.record(jobId), 'status', 'spent');
    if (status && !isTerminal(status as JobStatus)) return 0;
    const took = status ? (spent ?? '') : writeSpent(NOTHING_SPENT);
    const [settled] = await free([keys.ledger, keys.charged], [jobId, took]);
    return Number(settled);
  }

  /** Nobody has said that it has ended, and its record is gone. */
  async function freeStrayOutput(): Promise<number> {
    let freed = 0;
    for await (const fields of redis.hscanStream(keys.outputs, { count: STEP })) {
      const jobIds = (fields as string[]).filter((_, i) => i % 2 === 0);
      const isThere = await Promise.all(jobIds.map((jobId) => redis.exists(keys.record(jobId))));
      freed += await expire(...jobIds.filter((_, i) => isThere[i] === 0));
    }
    return freed;
  }

  return async (): Promise<number> => {
    let settled = await freeStrayOutput();
    for await (const fields of redis.hscanStream(keys.charged, { count: STEP })) {
      const jobIds = (fields as string[]).filter((_, i) => i % 2 === 0);
      const indexes = jobIds.length > 0 ? [keys.due, keys.claimed] : [];
      const [due, claimed] = await Promise.all(indexes.map((index) => redis.zmscore(index, ...jobIds)));
      const strays = jobIds.filter((_, i) => !due?.[i] && !claimed?.[i]);
      for (const jobId of strays) settled += await settleStray(jobId);
    }
    const oldest = new Date(Date.now() - LONGEST_LIFE_MS).toISOString();
    for await (const fields of redis.hscanStream(keys.ledger, { count: STEP })) {
      const accounts = (fields as string[]).filter((_, i) => i % 2 === 0);
      const lapsed = accounts.filter((account) => isLapsed(account, oldest));
      if (lapsed.length > 0) await redis.hdel(keys.ledger, ...lapsed);
    }
    return settled;
  };
}

/** Whether an account is of a day, or a month, before this one, with room for jobs that were accepted in it. */
function isLapsed(account: string, oldest: string): boolean {
  const [, period] = / (\d{4}-\d\d(?:-\d\d)?)$/.exec(account) ?? [];
  return period !== undefined && period < oldest.slice(0, period.length);
}
