/** The usage block in Redis, one for each credential; today there is one. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';
import { type Admission, TRIAL_MS, type UsageBlock, type UsageLimit } from './usage-block.ts';

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

  async function admit(jobId: string): Promise<Admission> {
    const [code, until, limit] = await scripts.admit([key], [jobId, TRIAL_MS]);
    if (code === 'blocked') return { code, ...limitOf(String(until), String(limit)) };
    return { code: code as 'open' | 'trial' | 'others_trial' };
  }

  async function read(): Promise<UsageLimit | undefined> {
    const [until, limit] = await redis.hmget(key, 'until', 'limit');
    return until ? limitOf(until, limit ?? '') : undefined;
  }

  return {
    admit: (jobId) => tellErrorsApart(admit(jobId)),
    async block({ resetsAt, limit = '' }) {
      await tellErrorsApart(scripts.block([key], [resetsAt, limit, KEPT_MS]));
    },
    async tried(jobId, hasAnswered) {
      await tellErrorsApart(scripts.tried([key], [jobId, hasAnswered ? '1' : '']));
    },
    read: () => tellErrorsApart(read()),
  };
}

function limitOf(until: string, limit: string): UsageLimit {
  return { resetsAt: Number(until), ...(limit !== '' && { limit }) };
}
