/** The usage block in Redis: a hash for each credential, and which have one. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';
import {
  type Admission,
  ALL_MODELS,
  DEFAULT_CREDENTIAL,
  type StandingLimit,
  TRIAL_MS,
  type UsageBlock,
} from './usage-block.ts';

/** A block that nobody has tried for so long is forgotten, in ms. */
const KEPT_MS = 24 * 60 * 60_000;
const MAX_READ = 100;

export function createRedisUsageBlock({ redis, keys }: { redis: RedisConnection; keys: Keys }): UsageBlock {
  const scripts = defineScripts(redis, 'admit', 'block', 'tried');
  const listed = keys.blockedCredentials;
  const keysOf = (credential = DEFAULT_CREDENTIAL) => [keys.usageBlock(credential), listed];

  async function admit(jobId: string, model: string, credential?: string): Promise<Admission> {
    const [key = ''] = keysOf(credential);
    const [code, until, limit] = await scripts.admit([key], [jobId, TRIAL_MS, ALL_MODELS, model]);
    if (code === 'blocked') return { code, ...limitOf(String(until), String(limit)) };
    return { code: code as 'open' | 'trial' | 'others_trial' };
  }

  async function read(): Promise<StandingLimit[]> {
    const others = await redis.zrange(listed, 0, String(MAX_READ - 1));
    const credentials = new Set([DEFAULT_CREDENTIAL, ...others.sort()]);
    return (await Promise.all([...credentials].map(readOne))).flat();
  }

  async function readOne(credential: string): Promise<StandingLimit[]> {
    const fields = await redis.hgetall(keys.usageBlock(credential));
    const models = Object.keys(fields).flatMap((name) => (name.startsWith('until:') ? [name.slice(6)] : []));
    return models.sort().map((model) => ({
      ...limitOf(fields[`until:${model}`] ?? '', fields[`limit:${model}`] ?? ''),
      ...(model !== ALL_MODELS && { model }),
      ...(credential !== DEFAULT_CREDENTIAL && { credential }),
    }));
  }

  return {
    // That of the default one by itself, too: older workers list none.
    isClear: async () => (await tellErrorsApart(redis.exists(...keysOf()))) === 0,
    admit: (...asked) => tellErrorsApart(admit(...asked)),
    async block({ resetsAt, limit = '' }, models, credential = DEFAULT_CREDENTIAL) {
      const args = [credential, resetsAt, limit, KEPT_MS, ...models];
      await tellErrorsApart(scripts.block(keysOf(credential), args));
    },
    async tried(jobId, model, hasAnswered, credential = DEFAULT_CREDENTIAL) {
      const args = [credential, jobId, hasAnswered ? '1' : '', ALL_MODELS, model];
      await tellErrorsApart(scripts.tried(keysOf(credential), args));
    },
    read: () => tellErrorsApart(read()),
  };
}

function limitOf(until: string, limit: string) {
  return { resetsAt: Number(until), ...(limit !== '' && { limit }) };
}
