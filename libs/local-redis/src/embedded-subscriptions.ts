/**
 * Answers a subscription to several channels in one piece. The package would send its replies one by one, and those to
 * later commands between them: a client, which knows them by their order alone, would wait for one for ever.
 */
import {
  type CommandPlan,
  type createTransactionPolicy,
  encodeRedisResult,
  isResponseStream,
  type RedisExecutionContext,
  RedisResult,
  RedisValue,
} from 'js-redis-server/core';

type ExecutionPolicy = ReturnType<typeof createTransactionPolicy>;

/** For `createRedisCommandExecutor`. */
export const subscriptionsInOneReply: ExecutionPolicy = {
  name: 'subscriptions-in-one-reply',
  beforeExecute(plan, ctx) {
    const isSubscription = plan.flags.includes('pubsub') && plan.flags.includes('subscribed');
    return isSubscription && ctx.session.mode !== 'transaction' ? answer(plan, ctx) : undefined;
  },
};

async function answer({ definition, args }: CommandPlan, ctx: RedisExecutionContext): Promise<RedisResult> {
  const result = await definition.execute(args, ctx);
  if (!isResponseStream(result)) return result;
  const version = ctx.session.protocolVersion;
  const replies: Buffer[] = [];
  for await (const reply of result.frames(ctx.signal)) replies.push(encodeRedisResult(reply, { version }));
  return RedisResult.preEncoded(RedisValue.array([]), Buffer.concat(replies));
}
