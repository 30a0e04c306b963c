/**
 * Questions from gateways to workers: what does Claude's own transcript say of an execution? Only workers reach
 * claude-api. One worker takes a question, by a key that is set once; its answer is a key too, and not a message:
 * one that is lost would be waited for in vain. Both keys expire.
 */
import { randomUUID } from 'node:crypto';
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import { hear } from './hear.ts';
import { transcriptKeys } from './keys.ts';

/** Length and digest of the answer's text in the transcript, or why there is none to be had. */
export type TranscriptAnswer = { bytes: number; sha256: string } | { reason: string; message: string };

export type TranscriptRequests = {
  /** Undefined when no worker answers within `timeoutMs`. Errors: `RedisUnavailableError`, `RedisFaultError`. */
  ask(executionId: string, tenant: string, timeoutMs: number): Promise<TranscriptAnswer | undefined>;
};

const LOOK_MS = 50;
const EXPIRY_MS = 30_000;

/** The gateway's side, on a connection that the caller owns. */
export function createTranscriptRequests({
  redis,
  keyPrefix,
}: {
  redis: RedisConnection;
  keyPrefix: string;
}): TranscriptRequests {
  const keys = transcriptKeys(keyPrefix);

  async function ask(
    executionId: string,
    tenant: string,
    timeoutMs: number,
  ): Promise<TranscriptAnswer | undefined> {
    const requestId = randomUUID();
    const endAt = performance.now() + timeoutMs;
    await redis.publish(keys.questions, `${requestId} ${executionId} ${tenant}`);
    while (performance.now() < endAt) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const answer = await redis.getdel(keys.answer(requestId));
      if (answer === null) continue;
      await redis.del(keys.claim(requestId));
      return JSON.parse(answer) as TranscriptAnswer;
    }
    return undefined;
  }

  return { ask: (...asked) => tellErrorsApart(ask(...asked)) };
}

/**
 * The worker's side: answers from now on, for as long as the subscriber lives.
 * @param options.subscriber a connection of role `subscriber`, which others may use for channels of theirs; whoever
 *   opened it closes it
 * @param options.read never rejects; older gateways name no tenant
 */
export function answerTranscriptRequests(options: {
  subscriber: RedisConnection;
  redis: RedisConnection;
  keyPrefix: string;
  read: (executionId: string, tenant: string | undefined) => Promise<TranscriptAnswer>;
  onError: (error: unknown) => void;
}): void {
  const { subscriber, redis, keyPrefix, read, onError } = options;
  const keys = transcriptKeys(keyPrefix);

  async function answer(requestId: string, executionId: string, tenant: string | undefined): Promise<void> {
    const claimed = await redis.set(keys.claim(requestId), '1', 'PX', EXPIRY_MS, 'NX');
    if (claimed === null) return;
    const found = JSON.stringify(await read(executionId, tenant));
    await redis.set(keys.answer(requestId), found, 'PX', EXPIRY_MS);
  }

  function take(question: string): void {
    const [requestId = '', executionId = '', tenant] = question.split(' ');
    answer(requestId, executionId, tenant).catch(onError);
  }

  hear(subscriber, keys.questions, take, onError);
}
