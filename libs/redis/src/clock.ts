/** Redis's clock against that of this machine. */
import type { RedisConnection } from './connection.ts';

/** How far Redis's clock is ahead of ours, in ms; undefined where TIME is not allowed. */
export async function measureClock(redis: RedisConnection): Promise<number | undefined> {
  const from = Date.now();
  try {
    const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
    return Math.round(seconds * 1_000 + micros / 1_000 - (from + Date.now()) / 2);
  } catch (error) {
    if ((error as Error).message.startsWith('NOPERM')) return undefined;
    throw error;
  }
}
