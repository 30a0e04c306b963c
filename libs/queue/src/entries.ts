/**
 * How a consumer takes entries of BullMQ's queue and ends them: with scripts of our own in place of BullMQ's two for it, behind the
 * interface that BullMQ has for its store. Theirs tell a stream that nobody reads, look after parents and limits that our entries do not have, and end
 * one entry a call; here those that end in one turn of the event loop end together, and the turns of their jobs with them. All
 * else is BullMQ's own: what wakes a worker, locks and their renewal, and what becomes of an entry whose worker is lost.
 */
import { defineScript, type RedisConnection } from '@cc-executor/redis';
import {
  type BackendFactory,
  createRedisBackend,
  type JobJson,
  type MinimalJob,
  type RedisQueueBackend,
} from 'bullmq';
import { scriptText } from './script-text.ts';

/** As BullMQ's worker wants it: the entry and its id, and for how long to wait, where one is to; nothing in it: none waits. */
type Next = [entry: JobJson, id: string, limitMs: number, until: number] | [];
type EndState = 'completed' | 'failed';
/** No `result`: the worker has to ask for the next one. */
type Ended = { result: Next | undefined; finishedOn: number };
type Ending = { args: string[]; settle: (reply: Reply) => void; fail: (error: unknown) => void };
type Reply = (string | number)[];

/** One script is not to hold up Redis for others. */
const MOST_AT_ONCE = 100;

/** Makes what BullMQ calls the backend of a worker, whose connection `redis` is. */
export function createEntryBackend(
  redis: RedisConnection,
  { keyPrefix, lockMs }: { keyPrefix: string; lockMs: number },
): BackendFactory<RedisQueueBackend> {
  const define = (name: string) =>
    defineScript(redis, { name: `queue:${name}`, numberOfKeys: 2, lua: scriptText(name) });
  const [take, end] = [define('take'), define('end')];
  const keys = ['wait', 'active'].map((list) => `${keyPrefix}:${list}`);

  return (...options) => {
    const backend = createRedisBackend(...options);
    const takeTheirWay = backend.moveToActive.bind(backend);
    let endings: Ending[] = [];

    backend.moveToActive = async (token, name) => {
      const taken = await take(keys, [token, lockMs]);
      return taken[0] === 'bullmq' ? takeTheirWay(token, name) : nextOf(taken);
    };

    function endEntry(
      { id: jobId = '' }: MinimalJob,
      { token, state, text, stack = '', takesNext }: EndingParts,
    ): Promise<Ended> {
      const finishedOn = Date.now();
      const wantsNext = takesNext && !backend.closing;
      return new Promise((resolve, reject) => {
        const args = [jobId, token, state, text, stack, wantsNext ? '1' : ''];
        const settle = ([code, ...taken]: Reply) => {
          const refusal = Number(code);
          if (refusal < 0) {
            reject(backend.finishedErrors({ code: refusal, jobId, command: 'end', state: 'active' }));
          } else resolve({ result: refusal === 0 && wantsNext ? nextOf(taken) : undefined, finishedOn });
        };
        // Behind all that goes on now: what ends in this turn ends together.
        if (endings.push({ args, settle, fail: reject }) === 1) process.nextTick(endAll);
      });
    }

    function endAll(): void {
      const all = endings;
      endings = [];
      for (let from = 0; from < all.length; from += MOST_AT_ONCE) {
        void endSome(all.slice(from, from + MOST_AT_ONCE));
      }
    }

    async function endSome(some: readonly Ending[]): Promise<void> {
      try {
        const replies = await end(keys, [lockMs, ...some.flatMap(({ args }) => args)]);
        for (const [i, { settle }] of some.entries()) settle(replies[i] as unknown as Reply);
      } catch (error) {
        for (const { fail } of some) fail(error);
      }
    }

    backend.moveToCompleted = (job, value, _remove, token, takesNext) =>
      endEntry(job, { token, state: 'completed', text: JSON.stringify(value), takesNext });
    backend.moveToFailed = (job, text, _remove, token, takesNext, { stacktrace = '[]' } = {}) =>
      endEntry(job, { token, state: 'failed', text, stack: String(stacktrace), takesNext });
    return backend;
  };
}

type EndingParts = { token: string; state: EndState; text: string; stack?: string; takesNext: boolean };

/** Our entries say nothing but whose turn it is. */
function nextOf([jobId, takenAt, failure]: Reply): Next {
  if (jobId === undefined) return [];
  const id = String(jobId);
  const at = Number(takenAt);
  const entry = {
    ...{ id, name: 'execute', data: '{}', opts: { attempts: 0 }, progress: 0 },
    ...{ attemptsMade: 0, timestamp: at, processedOn: at },
    ...(failure !== '' && { deferredFailure: String(failure) }),
  };
  return [entry as JobJson, id, 0, 0];
}
