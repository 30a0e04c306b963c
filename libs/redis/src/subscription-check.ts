/** Whether a subscriber hears what it is there for: readiness is what makes a refusal seen, and heals it. */
import type { RedisConnection } from './connection.ts';

/**
 * Subscribes again, which changes nothing where all is well and is what it takes after a refusal was put right. For a
 * readiness check: it may wait as long as Redis does. Never rejects.
 */
export async function checkSubscription(
  subscriber: RedisConnection,
  channels: readonly string[],
): Promise<{ ok: boolean; detail: string }> {
  if (subscriber.status !== 'ready') return { ok: false, detail: subscriber.status };
  try {
    await subscriber.subscribe(...channels);
    return { ok: true, detail: subscriber.status };
  } catch (error) {
    return { ok: false, detail: (error as Error).message };
  }
}
