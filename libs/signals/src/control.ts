/** Words to workers: a wish for a running job is recorded first, and this only makes it quick. */
import type { RedisConnection } from '@cc-executor/redis';
import { controlChannel } from './keys.ts';

/**
 * Hears wishes from now on, for as long as the subscriber lives.
 * @param options.subscriber a connection of role `subscriber`, which others may use for channels of theirs; whoever
 *   opened it closes it
 * @param options.onWish called with the id of a running job of which a cancel, or a pause or its end, was recorded; any
 *   worker may have it
 */
export function hearWishes({
  subscriber,
  keyPrefix,
  onWish,
}: {
  subscriber: RedisConnection;
  keyPrefix: string;
  onWish: (jobId: string) => void;
}): void {
  const control = controlChannel(keyPrefix);
  subscriber.on('message', (channel: string, word: string) => {
    if (channel !== control) return;
    const [verb, jobId] = word.split(' ');
    if ((verb === 'cancel' || verb === 'pause') && jobId !== undefined) onWish(jobId);
  });
  subscriber.subscribe(control).catch(() => {
    // Closed before it was acknowledged. A lost connection is subscribed anew by the driver.
  });
}
