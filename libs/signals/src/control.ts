/** Words to workers: a wish for a running job is recorded first, and this only makes it quick. */
import type { RedisConnection } from '@cc-executor/redis';
import { hear } from './hear.ts';
import { controlChannel } from './keys.ts';

/**
 * Hears wishes from now on, for as long as the subscriber lives.
 * @param options.subscriber a connection of role `subscriber`, which others may use for channels of theirs; whoever
 *   opened it closes it
 * @param options.onWish called with the id of a running job of which a cancel, or a pause or its end, was recorded; any
 *   worker may have it
 * @param options.onRefused called when Redis does not allow the subscription
 */
export function hearWishes({
  subscriber,
  keyPrefix,
  onWish,
  onRefused,
}: {
  subscriber: RedisConnection;
  keyPrefix: string;
  onWish: (jobId: string) => void;
  onRefused: (error: unknown) => void;
}): void {
  function take(word: string): void {
    const [verb, jobId] = word.split(' ');
    if ((verb === 'cancel' || verb === 'pause') && jobId !== undefined) onWish(jobId);
  }

  hear(subscriber, controlChannel(keyPrefix), take, onRefused);
}
