/** Appending a batch to a job's log in Redis: by itself, or with those of other jobs that are appended in the same turn of the event loop. */
import { keepsOrder, type RedisConnection, RedisFaultError, redisErrorOf } from '@cc-executor/redis';
import type { Batch, RecordChange } from './job-log.ts';
import { joinBodies } from './join-bodies.ts';
import { fieldsOf } from './kept-body.ts';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';
import { together } from './together.ts';

/** Larger ones go alone: together they would hold up Redis for others. */
const SMALL_LENGTH = 8 * 1024;

type Argument = string | number | Buffer;
type Call = { jobId: string; args: readonly Argument[] };
type Reply = (string | number)[];

/**
 * Makes a function that gives the reply of append.lua.
 *
 * @param options.retentionMs how long an ended job can be read, in ms
 * @param options.isTogether whether small batches of several jobs go together, where records are on one server
 */
export function createAppend({
  redis,
  keys,
  retentionMs,
  isTogether = false,
}: {
  redis: RedisConnection;
  keys: Keys;
  retentionMs: number;
  isTogether?: boolean;
}): (batch: Batch, took: string) => Promise<Reply> {
  const isOneServer = keepsOrder(redis);
  const ledger = isOneServer ? [keys.ledger, keys.charged, keys.outputs] : [];
  const scripts = defineScripts(
    redis,
    ...(['append', 'appendWhenFull', 'appendMany', 'appendManyWhenFull'] as const),
  );

  function argumentsOf(batch: Batch, took: string): Argument[] {
    const { jobId, fence, firstSeq, bodies, hasOutput, terminal, ending = {}, change } = batch;
    const kept = fieldsOf(batch.kept ?? []);
    return [
      ...[keys.channel(jobId), fence, firstSeq, terminal ?? '', retentionMs, hasOutput ? '1' : ''],
      ...[change?.code ?? '', numberOf(change), kept.bytes, bodies.length, joinBodies(bodies), took, jobId],
      ...kept.fields,
      ...Object.entries(ending).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ];
  }

  /** The end of a job, and what stands between it and its output, is little and always has room. */
  const alone = (hasOutput: boolean, { jobId, args }: Call): Promise<Reply> =>
    scripts[hasOutput ? 'append' : 'appendWhenFull'](
      [keys.record(jobId), keys.log(jobId), ...ledger],
      [...args],
    );

  async function all(hasOutput: boolean, calls: readonly Call[]): Promise<Reply[]> {
    const one = calls.length === 1 ? calls[0] : undefined;
    if (one) return [await alone(hasOutput, one)];
    const logs = calls.flatMap(({ jobId }) => [keys.record(jobId), keys.log(jobId)]);
    const args = calls.flatMap((call) => [call.args.length, ...call.args]);
    const many = scripts[hasOutput ? 'appendMany' : 'appendManyWhenFull'];
    return (await many([...ledger, ...logs], args)) as unknown as Reply[];
  }

  const withOutput = together((calls: readonly Call[]) => all(true, calls));
  const withoutOutput = together((calls: readonly Call[]) => all(false, calls));

  return async (batch, took) => {
    const { jobId, hasOutput } = batch;
    const call = { jobId, args: argumentsOf(batch, took) };
    const length = batch.bodies.reduce((sum, body) => sum + body.length, 0);
    const isSmall = length <= SMALL_LENGTH && batch.kept === undefined;
    if (!isTogether || !isOneServer || !isSmall) return alone(hasOutput, call);
    try {
      return await (hasOutput ? withOutput : withoutOutput)('', call);
    } catch (error) {
      // It may be another job's, and what stood before it has been appended: each learns by itself how its own went.
      if (redisErrorOf(error) instanceof RedisFaultError) return alone(hasOutput, call);
      throw error;
    }
  };
}

function numberOf(change: RecordChange | undefined): number | '' {
  if (change?.code === 'paused') return change.limitMs;
  return change?.code === 'limited' ? change.notBefore : '';
}
