/** What a worker writes to Redis. The scripts hold the rules; this file builds their arguments and reads their replies. */
import { DEFAULT_TIMEOUTS, isTerminal, type JobStatus, type TerminalStatus } from '@cc-executor/protocol';
import { keepsOrder, type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type {
  AppendCode,
  Batch,
  BeginOutcome,
  RecordChange,
  ReleaseCode,
  RenewOutcome,
  Wishes,
  WriteLog,
} from './job-log.ts';
import { joinBodies } from './join-bodies.ts';
import { fieldsOf } from './kept-body.ts';
import type { Keys } from './keys.ts';
import { ledgerBeside, writeSpent } from './ledger.ts';
import { createJobIndex, unawaited } from './redis-index.ts';
import { defineScripts } from './scripts.ts';

/**
 * @param options.retentionMs how long an ended job can be read, in ms
 * @param options.isTogether jobs that end in one turn of the event loop are filed as such in one step
 */
export function createRedisWriteLog(options: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
  isTogether?: boolean;
}): WriteLog {
  const { redis, keys, retentionMs } = options;
  const isOneServer = keepsOrder(redis);
  const index = createJobIndex(options);
  const scripts = defineScripts(
    redis,
    ...([
      'schedule',
      'scheduleWhenFull',
      'output',
      'begin',
      'beginAtOnce',
      'append',
      'appendWhenFull',
      'renew',
      'release',
    ] as const),
  );

  /** The index of what is due is lowered before the lease exists, and raised lazily by the sweeper: so no lease lapses unseen. */
  async function askToBegin(jobId: string, leaseMs: number, owner: string) {
    const args = [leaseMs, owner, jobId];
    if (isOneServer) {
      return scripts.beginAtOnce([keys.record(jobId), keys.due], [...args, keys.jobs(''), keys.live('')]);
    }
    await scripts.schedule([keys.due, keys.unqueued], [jobId, leaseMs, '']);
    return scripts.begin([keys.record(jobId)], args);
  }

  async function begin(jobId: string, leaseMs: number, owner: string): Promise<BeginOutcome> {
    const reply = await askToBegin(jobId, leaseMs, owner);
    const [code, fence, lastSeq, epoch, spec, remainingMs, output, pauseWish, attempts, ...more] = reply;
    const [bodyBytes, queuedMs, takeBy, tenant] = more;
    if (code === 'begun' || code === 'queue_timeout' || code === 'total_timeout') {
      // Ahead of its events, which go the same way.
      if (!isOneServer) unawaited(index.mark(String(tenant), jobId, true));
      return {
        code,
        attempt: {
          fence: Number(fence),
          lastSeq: Number(lastSeq),
          epoch: String(epoch),
          spec: JSON.parse(String(spec)),
          remainingMs: Number(remainingMs),
          takeBy: Number(takeBy),
          tenant: String(tenant),
          attempts: Number(attempts),
          queuedMs: Number(queuedMs),
          hasOutput: output === '1',
          pauseWish: pauseWish === '1',
          bodyBytes: Number(bodyBytes),
        },
      };
    }
    // One without a record may be about to get it: whatever else names the job is left as it is.
    if (code === 'terminal') file(jobId, fence, lastSeq);
    return { code: code as 'held' | 'terminal' | 'missing' };
  }

  /** A job that is seen to have ended stands among those from now on: whoever ended it may have died before that. */
  function file(jobId: string, tenant: Reply, status: Reply): void {
    if (isTerminal(status as JobStatus)) {
      unawaited(index.foundEnded(String(tenant), jobId, status as TerminalStatus));
    }
  }

  async function append(batch: Batch) {
    const { jobId, fence, firstSeq, bodies, hasOutput, terminal, ending = {}, ageMs, change } = batch;
    const took = writeSpent(batch.spent ?? {});
    const kept = fieldsOf(batch.kept ?? []);
    const ledger = ledgerBeside(redis, keys);
    const beside = ledger.length > 0 ? [...ledger, keys.outputs] : [];
    // The end of a job, and what stands between it and its output, is little and always has room.
    const write = hasOutput ? scripts.append : scripts.appendWhenFull;
    const [code, lastSeq, cancelBy, pauseWish, logBytes, tenant, status, outputOf, holds] = await write(
      [keys.record(jobId), keys.log(jobId), ...beside],
      [
        keys.channel(jobId),
        fence,
        firstSeq,
        terminal ?? '',
        retentionMs,
        hasOutput ? '1' : '',
        change?.code ?? '',
        numberOf(change),
        kept.bytes,
        bodies.length,
        joinBodies(bodies),
        took,
        jobId,
        ...kept.fields,
        ...Object.entries(ending).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
      ],
    );
    // Ahead of its end, which goes the same way.
    if (outputOf) unawaited(scripts.output([keys.ledger, keys.outputs], [jobId, outputOf, Number(holds)]));
    if (terminal && (code === 'ok' || code === 'duplicate')) {
      const end = {
        body: bodies.at(-1)?.toString() ?? '',
        conversation: ending.conversation,
        ageMs,
        spent: took,
      };
      unawaited(index.ended(String(tenant), jobId, terminal, end));
    } else file(jobId, tenant, status);
    const wishes = wishesOf(cancelBy, pauseWish);
    return { code: code as AppendCode, lastSeq: Number(lastSeq), logBytes: Number(logBytes), ...wishes };
  }

  async function renew(jobId: string, fence: number, leaseMs: number): Promise<RenewOutcome> {
    const [code, cancelBy, pauseWish] = await scripts.renew([keys.record(jobId)], [fence, leaseMs]);
    return { code: code as RenewOutcome['code'], ...wishesOf(cancelBy, pauseWish) };
  }

  async function release(jobId: string, fence: number, hasBegun: boolean): Promise<ReleaseCode> {
    const [code, tenant] = await scripts.release(
      [keys.record(jobId)],
      [fence, DEFAULT_TIMEOUTS.queueMs, hasBegun ? '1' : ''],
    );
    if (code === 'ok') unawaited(index.mark(String(tenant), jobId, false));
    // Its entry is about to be processed: then it needs another one.
    if (code === 'ok') await scripts.scheduleWhenFull([keys.due, keys.unqueued], [jobId, 0, 0]);
    return code as ReleaseCode;
  }

  return {
    begin: (jobId, leaseMs, owner) => tellErrorsApart(begin(jobId, leaseMs, owner)),
    append: (batch) => tellErrorsApart(append(batch)),
    renew: (jobId, fence, leaseMs) => tellErrorsApart(renew(jobId, fence, leaseMs)),
    release: (...args) => tellErrorsApart(release(...args)),
  };
}

function numberOf(change: RecordChange | undefined): number | '' {
  if (change?.code === 'paused') return change.limitMs;
  return change?.code === 'limited' ? change.notBefore : '';
}

type Reply = string | number | undefined;

function wishesOf(cancelBy: Reply, pauseWish: Reply): Wishes {
  const by = cancelBy === undefined || cancelBy === '' ? undefined : String(cancelBy);
  return { cancelBy: by, pauseWish: pauseWish === '1' };
}
