/**
 * Turns: each tenant has a line of jobs outside of BullMQ's queue, which is given one when a worker has a slot for it, by weighted
 * fair share (scripts/turns.lua). Whoever changes what decides about that hands out, in the same step: so no turn waits for
 * somebody who may be dead, and what is handed out is what has a queue entry.
 */
import { defineScript, type RedisConnection, type ScriptCall } from '@cc-executor/redis';
import { QUEUE_NAME, queuePrefix } from './queue-names.ts';
import { scriptText } from './script-text.ts';

/** How a tenant shares: its part beside others (1 unless said), and how many of its jobs workers may have at once. */
export type Share = { weight?: number | undefined; running?: number | undefined };

/**
 * `share` is kept until told anew; `keepsTurn`: it goes before all of its priority, having had its turn, which it lost with its worker;
 * `notBefore`: no worker is to have it before then (Unix ms).
 */
export type EntryNeed = {
  jobId: string;
  tenant: string;
  priority: number;
  share?: Share;
  keepsTurn?: boolean;
  notBefore?: number;
  /** What `marks` said before the job was found to wait: if it was handed out or done since, it stays as it is. */
  mark?: string | undefined;
};

/**
 * It was `made` now, or waited already, or a worker has `taken` it, be it for an attempt that is lost, or it has `changed` since it
 * was marked: it may have ended.
 */
export type EntryState = 'made' | 'waits' | 'taken' | 'changed';

/** `slots`: how many the worker has, undefined when it takes nothing any more. */
type WorkerReport = { worker: string; slots: number | undefined; lifeMs: number };

/** Jobs in lines, those for which it is too early, and since when (Unix ms) the first has waited. */
type LinesDepth = { waiting: number; early: number; oldestAt: number | undefined };

export type Turns = {
  /** Puts a job in line; it stays where it is when it is there, or handed out. */
  enter(need: EntryNeed): Promise<EntryState>;
  /** What the queue has of these jobs now: to be asked before their records are looked at, and told to `enter`. */
  marks(jobIds: readonly string[]): Promise<string[]>;
  /** Takes a job out of its line. */
  leave(tenant: string, jobId: string): Promise<void>;
  report(report: WorkerReport): Promise<void>;
  /** Puts right what nobody has said: workers die, entries are taken out by hand. */
  recount(): Promise<void>;
  /** How many of its tenant's jobs go before a job; undefined when it is not in line. */
  ahead(tenant: string, jobId: string): Promise<number | undefined>;
  /** How many jobs of a tenant are handed out. */
  running(tenant: string): Promise<number>;
  depth(): Promise<LinesDepth>;
};

/** Jobs of one priority are so many at most, as in turns.lua. */
const BAND = 2 ** 42;

const scripts = ['enter', 'marks', 'leave', 'report', 'recount'] as const;

export function createTurns(redis: RedisConnection, keyPrefix: string): Turns {
  const defined = {} as Record<(typeof scripts)[number], ScriptCall>;
  for (const name of scripts) {
    defined[name] = defineScript(redis, { name: `queue:${name}`, numberOfKeys: 1, lua: scriptText(name) });
  }
  const own = queuePrefix(keyPrefix);
  const keys = [`${own}:${QUEUE_NAME}:wait`];
  return {
    async enter({ jobId, tenant, priority, share, keepsTurn = false, notBefore = 0, mark = '' }) {
      const told = share ? [share.weight ?? 1, share.running ?? ''] : ['', ''];
      const [state] = await defined.enter(keys, [
        jobId,
        tenant,
        priority,
        notBefore,
        ...told,
        keepsTurn ? '1' : '',
        mark,
      ]);
      return state as EntryState;
    },
    async marks(jobIds) {
      return jobIds.length === 0 ? [] : ((await defined.marks(keys, [...jobIds])) as string[]);
    },
    async leave(tenant, jobId) {
      await defined.leave(keys, [tenant, jobId]);
    },
    async report({ worker, slots, lifeMs }) {
      await defined.report(keys, [worker, slots ?? '', lifeMs]);
    },
    async recount() {
      await defined.recount(keys, []);
    },
    async ahead(tenant, jobId) {
      return (await redis.zrank(`${own}:line:${tenant}`, jobId)) ?? undefined;
    },
    async running(tenant) {
      return Number((await redis.hget(`${own}:turns`, `out ${tenant}`)) ?? 0);
    },
    async depth() {
      const [waiting, early, [, oldestAt]] = await Promise.all([
        redis.zcard(`${own}:waiting`),
        redis.zcard(`${own}:early`),
        redis.zrange(`${own}:waiting`, '0', '0', 'WITHSCORES'),
      ]);
      return { waiting, early, oldestAt: oldestAt === undefined ? undefined : Number(oldestAt) };
    },
  };
}

/** Where a new job of this priority would stand in its tenant's line: behind all whose score is lower. */
export function endOfLine(
  keyPrefix: string,
  tenant: string,
  priority: number,
): { key: string; below: number } {
  return { key: `${queuePrefix(keyPrefix)}:line:${tenant}`, below: (priority + 1) * BAND };
}
