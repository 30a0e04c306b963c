/**
 * The indexes by which jobs are listed, in the key space of their tenant. They stand in another slot than the records, so
 * no step changes both: each is a reminder, and the record decides. Invariants, whoever dies in between:
 *   - a job that has a record stands in `jobs`, `ids` and the indexes of its metadata: it was put there first;
 *   - one that has not ended stands in `unfinished`, and one that a worker has in `live` before its first event;
 *   - one that has ended stands where those are that ended so, or still in `live`, or is about to be looked at by a sweeper.
 */
import { type TerminalBody, type TerminalStatus, terminalStatuses } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import { DAY_LIFE_MS, dateOf, MAX_COUNTERS, MINUTE_LIFE_MS, minuteOf } from './calendar.ts';
import type { Keys } from './keys.ts';
import { conversationMembers } from './list-query.ts';
import { defineScripts } from './scripts.ts';
import { tallyOf } from './tally.ts';
import { together } from './together.ts';

type JobEnd = {
  /** The terminal event without its head, as JSON. */
  body: string;
  /** The conversation that it leaves, if any. */
  conversation?: string | null | undefined;
  /** From its acceptance to its end, in ms, where that is known. */
  ageMs?: number | undefined;
  /** Unix ms; default now, by this machine's clock. */
  at?: number;
  /** What it took of budgets, as the ledger has it. */
  spent?: string;
};

/** One that has ended; `args` are those of it in ended.lua. */
type Filing = {
  tenant: string;
  status: TerminalStatus;
  at: number;
  member: [name: string, value: string] | undefined;
  args: readonly (string | number)[];
};

export type JobIndex = {
  /** Its status may change at any moment from now on, or it only waits. */
  mark(tenant: string, jobId: string, isLive: boolean): Promise<void>;
  /** It has ended now: it is due for nothing any more, either. */
  ended(tenant: string, jobId: string, status: TerminalStatus, end: JobEnd): Promise<void>;
  /**
   * It is seen to have ended: whoever ended it may have died before saying so. `spent`: default is what the record says.
   */
  foundEnded(tenant: string, jobId: string, status: TerminalStatus, spent?: string): Promise<void>;
  /** Takes out jobs whose record is gone; returns how many. */
  drop(tenant: string, jobIds: readonly string[]): Promise<number>;
};

/**
 * @param options.retentionMs how long an ended job can be read, in ms
 * @param options.isTogether what ends in one turn of the event loop is filed in one step, behind what is asked of Redis in that turn
 */
export function createJobIndex({
  redis,
  keys,
  retentionMs,
  isTogether = false,
}: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
  isTogether?: boolean;
}): JobIndex {
  const scripts = defineScripts(redis, 'mark', 'ended', 'prune', 'output');

  const file = async (filings: readonly Filing[]) => {
    const [{ tenant, status, at }] = filings as [Filing];
    await scripts.ended(
      [
        ...[keys.jobs(tenant), keys.unfinished(tenant), keys.live(tenant), keys.ended(tenant, status)],
        ...[keys.expiring(tenant), keys.due, keys.claimed, keys.webhooks, keys.filed(tenant)],
        ...[keys.minute(minuteOf(at)), keys.day(dateOf(at)), keys.ledger, keys.charged],
        ...[keys.outputs, keys.outputsExpiring],
        ...filings.flatMap(({ member }) => (member ? [keys.member(tenant, ...member)] : [])),
      ],
      [...[retentionMs, MINUTE_LIFE_MS, DAY_LIFE_MS, MAX_COUNTERS], ...filings.flatMap(({ args }) => args)],
    );
  };
  const fileTogether = together(file);

  async function ended(
    tenant: string,
    jobId: string,
    status: TerminalStatus,
    { body, conversation, ageMs, at = Date.now(), spent = '' }: JobEnd,
  ): Promise<void> {
    const [member] = conversationMembers(conversation);
    const tally = tallyOf({ tenant, status, ageMs }, parseEnding(body));
    const [minute, day] = [Object.entries(tally.minute).flat(), Object.entries(tally.day).flat()];
    const args = [
      ...[jobId, member ? JSON.stringify(member) : '', spent, minute.length, day.length],
      ...[...minute, ...day],
    ];
    const filing = { tenant, status, at, member, args };
    // Of one minute: it is of one day, too.
    await (isTogether ? fileTogether(`${tenant} ${status} ${minuteOf(at)}`, filing) : file([filing]));
  }

  return {
    ended,
    async foundEnded(tenant, jobId, status, took) {
      const output = ['outputOf', 'logBytes', 'bodyBytes'];
      const [[conversation, createdAt, endedAt, noted, outputOf, ...holds], bodies] = await Promise.all([
        redis.hmget(keys.record(jobId), 'conversation', 'createdAt', 'endedAt', 'spent', ...output),
        redis.lindex(keys.log(jobId), -1),
      ]);
      // Whoever wrote the last of it may have died before saying so.
      if (outputOf) {
        const bytes = holds.reduce((sum, part) => sum + Number(part ?? 0), 0);
        await scripts.output([keys.ledger, keys.outputs], [jobId, outputOf, bytes]);
      }
      const body = bodies?.slice(bodies.lastIndexOf('\n') + 1) ?? '';
      const times = endedAt && { ageMs: Number(endedAt) - Number(createdAt), at: Number(endedAt) };
      await ended(tenant, jobId, status, { body, conversation, spent: took ?? noted ?? '', ...times });
    },
    async mark(tenant, jobId, isLive) {
      await scripts.mark([keys.jobs(tenant), keys.live(tenant)], [jobId, isLive ? '1' : '']);
    },
    async drop(tenant, jobIds) {
      const filed = jobIds.length > 0 ? await redis.hmget(keys.filed(tenant), ...jobIds) : [];
      const members = filed.flatMap((json, i) => {
        const pairs = JSON.parse(json ?? '[]') as [string, string][];
        return pairs.map(([name, value]) => [keys.member(tenant, name, value), jobIds[i] ?? ''] as const);
      });
      await Promise.all(members.map(([key, jobId]) => redis.zrem(key, jobId)));
      const [count] = await scripts.prune(
        [
          ...[keys.tenants, keys.jobs(tenant), keys.texts(tenant), keys.filed(tenant), keys.ids(tenant)],
          ...[keys.unfinished(tenant), keys.live(tenant), keys.expiring(tenant)],
          ...terminalStatuses.map((status) => keys.ended(tenant, status)),
        ],
        [tenant, ...jobIds],
      );
      return Number(count);
    },
  };
}

/** Undefined: the log is gone, or is none. */
function parseEnding(body: string): TerminalBody | undefined {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Nobody waits for these: what an outage leaves, a sweeper puts right when the job is due. */
export function unawaited(change: Promise<unknown>): void {
  change.catch(() => {
    // As above.
  });
}
