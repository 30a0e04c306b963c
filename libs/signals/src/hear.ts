/** Hears one channel of a subscriber that several share. */
import { type RedisConnection, RedisFaultError, redisErrorOf } from '@cc-executor/redis';

/**
 * From now on, for as long as the subscriber lives. `onRefused` is told when Redis does not allow it; `checkSubscription`
 * asks again.
 */
export function hear(
  subscriber: RedisConnection,
  channel: string,
  onPayload: (payload: string) => void,
  onRefused: (error: RedisFaultError) => void,
): void {
  subscriber.on('message', (from: string, payload: string) => {
    if (from === channel) onPayload(payload);
  });
  subscriber.subscribe(channel).catch((error: unknown) => {
    const told = redisErrorOf(error);
    // Otherwise it was closed before it was acknowledged. A lost connection is subscribed anew by the driver.
    if (told instanceof RedisFaultError) onRefused(told);
  });
}
