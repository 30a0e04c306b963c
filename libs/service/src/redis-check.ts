/** The readiness check `redis` of a gateway or worker: it answers, and it keeps what it acknowledges if it must. */
import { describeTrouble, shareRunning } from '@cc-executor/fleet';
import { type RedisConnection, type RedisView, seeRedis } from '@cc-executor/redis';
import { faultsOf } from './durability-guard.ts';
import type { Check, CheckResult } from './health.ts';

/** Less than a readiness check may take. */
const LOOK_MS = 1_500;

export type RedisCheck = {
  check: Check;
  /** Never rejects. */
  look(): Promise<RedisView>;
};

export function createRedisCheck({
  redis,
  url,
  app,
  strict,
}: {
  redis: RedisConnection;
  url: string;
  app: string;
  strict: boolean;
}): RedisCheck {
  const look = shareRunning(() =>
    seeRedis(redis, url, { timeoutMs: LOOK_MS, name: `cc-executor:${app}:probe` }),
  );
  return { look, check: async () => judge(await look(), strict) };
}

function judge(view: RedisView, strict: boolean): CheckResult {
  if (!view.ok) {
    return { ok: false, detail: `${view.address}: ${describeTrouble(view.code, view.detail)}`, data: view };
  }
  const faults = strict && view.durability ? faultsOf(view.durability) : [];
  return faults.length > 0
    ? { ok: false, detail: faults.join('; '), data: view }
    : { ok: true, detail: view.address, data: view };
}
