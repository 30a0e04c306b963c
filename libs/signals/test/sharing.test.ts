/** Signals on one subscriber: each hears its own channel, and the subscriber stays its opener's. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  answerTranscriptRequests,
  controlChannel,
  createTranscriptRequests,
  hearWishes,
} from '../src/index.ts';
import { type Bench, openBench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

it('wishes and questions come over one connection, and neither takes the other for its own', async () => {
  const { keyPrefix } = bench;
  const [subscriber, redis] = [await bench.connect('subscriber'), await bench.connect('patient')];
  const onError = (error: unknown) => {
    throw error;
  };
  const heard: string[] = [];
  const last = Promise.withResolvers<void>();
  hearWishes({
    subscriber,
    keyPrefix,
    onRefused: onError,
    onWish(jobId) {
      heard.push(jobId);
      if (jobId === 'last') last.resolve();
    },
  });
  const read = async (executionId: string) => ({ reason: 'none', message: executionId });
  answerTranscriptRequests({ subscriber, redis, keyPrefix, read, onError });
  await subscriber.subscribe('another');

  const requests = createTranscriptRequests({ redis, keyPrefix });
  // An execution by the name of a wish, and words on a channel that is not ours.
  await redis.publish('another', 'cancel stranger');
  expect(await requests.ask('cancel', 'acme', 10_000)).toEqual({ reason: 'none', message: 'cancel' });
  for (const word of ['cancel job-1', 'pause job-2', 'shout job-3', 'cancel', 'cancel last']) {
    await redis.publish(controlChannel(keyPrefix), word);
  }
  await last.promise;
  expect(heard).toEqual(['job-1', 'job-2', 'last']);
});
