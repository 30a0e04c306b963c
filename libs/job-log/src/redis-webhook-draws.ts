/** Which secret a tenant's webhooks have: not the secret itself, which is derived, but when it was drawn, and how long the one before is good. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

/** Times are Unix ms on Redis's clock; `drawnAt` is 0 for a tenant's first. */
export type WebhookDraw = { drawnAt: number; before?: { drawnAt: number; until: number } };

export type WebhookDraws = {
  /** The one of now, and the one before as long as that is good. */
  of(tenant: string): Promise<WebhookDraw>;
  /** Draws another; the one of now is good for so long, one before that no more. */
  redraw(tenant: string, overlapMs: number): Promise<WebhookDraw>;
};

export function createRedisWebhookDraws({
  redis,
  keys,
}: {
  redis: RedisConnection;
  keys: Keys;
}): WebhookDraws {
  const scripts = defineScripts(redis, 'redraw');

  async function of(tenant: string): Promise<WebhookDraw> {
    const kept = (await redis.hget(keys.webhookDraws, tenant)) ?? '0';
    const [drawnAt = 0, before = 0, until = 0] = kept.split(' ').map(Number);
    if (until === 0) return { drawnAt };
    const [seconds, micros] = await redis.time();
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    return now >= until ? { drawnAt } : { drawnAt, before: { drawnAt: before, until } };
  }

  async function redraw(tenant: string, overlapMs: number): Promise<WebhookDraw> {
    const [drawnAt, before, until] = await scripts.redraw([keys.webhookDraws], [tenant, overlapMs]);
    if (overlapMs === 0) return { drawnAt: Number(drawnAt) };
    return { drawnAt: Number(drawnAt), before: { drawnAt: Number(before), until: Number(until) } };
  }

  return {
    of: (tenant) => tellErrorsApart(of(tenant)),
    redraw: (...args) => tellErrorsApart(redraw(...args)),
  };
}
