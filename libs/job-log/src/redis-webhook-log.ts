/** Webhooks in Redis: an index of jobs by when theirs may be due, which is only a reminder, and their records, which decide. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { createOwnFields } from './own-fields.ts';
import type { Claim, NextLook } from './redis-sweep.ts';
import { defineScripts } from './scripts.ts';
import {
  deliveryOf,
  type Progress,
  type StoredWebhook,
  type WebhookLog,
  webhookFields,
  webhookOf,
} from './webhook-log.ts';

export function createRedisWebhookLog({ redis, keys }: { redis: RedisConnection; keys: Keys }): WebhookLog {
  const scripts = defineScripts(redis, 'claim', 'reschedule', 'deliver');
  const own = createOwnFields(redis);

  async function claim(limit: number, holdMs: number): Promise<Claim> {
    const claimed = await scripts.claim([keys.webhooks, keys.webhooksClaimed], [limit, holdMs]);
    const [now, heldUntil, ...jobIds] = claimed;
    return { at: Number(now), heldUntil: Number(heldUntil), jobIds: jobIds as string[] };
  }

  async function reschedule({ heldUntil }: Claim, looks: NextLook[]): Promise<void> {
    if (looks.length === 0) return;
    const { webhooks, webhooksClaimed, unqueued } = keys;
    await scripts.reschedule(
      [webhooks, webhooksClaimed, unqueued, webhooks],
      [heldUntil, ...looks.flatMap(({ jobId, at }) => [jobId, at ?? '', ''])],
    );
  }

  async function read(jobId: string): Promise<StoredWebhook | undefined> {
    const values = await redis.hmget(keys.record(jobId), ...webhookFields);
    return webhookOf(
      jobId,
      Object.fromEntries(webhookFields.map((name, i) => [name, values[i] ?? undefined])),
    );
  }

  async function write(jobId: string, version: string, progress: Progress): Promise<boolean> {
    const [kept] = await scripts.deliver([keys.record(jobId)], [version, JSON.stringify(progress)]);
    return kept === 1;
  }

  async function resend(tenant: string, jobId: string) {
    const record = await own(tenant, keys.record(jobId), webhookFields);
    if (record === undefined) return 'missing';
    const webhook = webhookOf(jobId, record);
    if (webhook?.is !== 'ended') return undefined;
    const [seconds, micros] = await redis.time();
    const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    const again = { state: 'pending', failures: 0, since: now, nextAt: now } as const;
    const progress: Progress = { ...webhook.progress, ...again };
    // Whoever was first has just sent it, or wanted the same.
    if (!(await write(jobId, webhook.version, progress))) return resend(tenant, jobId);
    await redis.zadd(keys.webhooks, 'LT', now, jobId);
    return deliveryOf({ ...webhook, progress });
  }

  return {
    claim: (...args) => tellErrorsApart(claim(...args)),
    reschedule: (...args) => tellErrorsApart(reschedule(...args)),
    read: (jobId) => tellErrorsApart(read(jobId)),
    write: (...args) => tellErrorsApart(write(...args)),
    resend: (...args) => tellErrorsApart(resend(...args)),
  };
}
