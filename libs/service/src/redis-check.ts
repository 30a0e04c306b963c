/** The readiness check `redis` of a gateway or worker: it answers, and it keeps what it acknowledges if it must. */
import { describeFullness, describeTrouble, shareRunning } from '@cc-executor/fleet';
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
  fullPercent,
}: {
  redis: RedisConnection;
  url: string;
  app: string;
  strict: boolean;
  fullPercent: number;
}): RedisCheck {
  const look = shareRunning(() =>
    seeRedis(redis, url, { timeoutMs: LOOK_MS, name: `cc-executor:${app}:probe` }),
  );
  return { look, check: async () => judge(await look(), strict, fullPercent) };
}

/** A full one is no reason to send clients away: what runs ends, and can be listened to and cancelled. */
function judge(view: RedisView, strict: boolean, fullPercent: number): CheckResult {
  if (!view.ok) {
    return { ok: false, detail: `${view.address}: ${describeTrouble(view.code, view.detail)}`, data: view };
  }
  const faults = strict && view.durability ? faultsOf(view.durability) : [];
  if (faults.length > 0) return { ok: false, detail: faults.join('; '), data: view };
  const fullness = describeFullness(view.memory, fullPercent);
  const detail = fullness === undefined ? view.address : `${view.address}: ${fullness}`;
  return { ok: true, detail, data: view };
}
