/** The usage block in Redis, one for each credential; today there is one. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';
import { type Admission, ALL_MODELS, type StandingLimit, TRIAL_MS, type UsageBlock } from './usage-block.ts';

/** The credential that all instances of claude-api share. */
const DEFAULT_CREDENTIAL = 'default';
/** A block that nobody has tried for so long is forgotten, in ms. */
const KEPT_MS = 24 * 60 * 60_000;

/** @param options.credential names the credential, and is no part of it */
export function createRedisUsageBlock(options: {
  redis: RedisConnection;
  keys: Keys;
  credential?: string;
}): UsageBlock {
  const { redis, keys, credential = DEFAULT_CREDENTIAL } = options;
  const scripts = defineScripts(redis, 'admit', 'block', 'tried');
  const key = keys.usageBlock(credential);

  async function admit(jobId: string, model: string): Promise<Admission> {
    const [code, until, limit] = await scripts.admit([key], [jobId, TRIAL_MS, ALL_MODELS, model]);
    if (code === 'blocked') return { code, ...limitOf(String(until), String(limit)) };
    return { code: code as 'open' | 'trial' | 'others_trial' };
  }

  async function read(): Promise<StandingLimit[]> {
    const fields = await redis.hgetall(key);
    const models = Object.keys(fields).flatMap((name) => (name.startsWith('until:') ? [name.slice(6)] : []));
    return models.sort().map((model) => ({
      ...limitOf(fields[`until:${model}`] ?? '', fields[`limit:${model}`] ?? ''),
      ...(model !== ALL_MODELS && { model }),
    }));
  }

  return {
    isClear: async () => (await tellErrorsApart(redis.exists(key))) === 0,
    admit: (jobId, model) => tellErrorsApart(admit(jobId, model)),
    async block({ resetsAt, limit = '' }, models) {
      await tellErrorsApart(scripts.block([key], [resetsAt, limit, KEPT_MS, ...models]));
    },
    async tried(jobId, model, hasAnswered) {
      await tellErrorsApart(scripts.tried([key], [jobId, hasAnswered ? '1' : '', ALL_MODELS, model]));
    },
    read: () => tellErrorsApart(read()),
  };
}

function limitOf(until: string, limit: string) {
  return { resetsAt: Number(until), ...(limit !== '' && { limit }) };
}
