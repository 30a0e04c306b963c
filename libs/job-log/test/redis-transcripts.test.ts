/** Questions for transcripts, from a gateway to whichever worker takes them. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answerTranscriptRequests, createTranscriptRequests, type TranscriptAnswer } from '../src/index.ts';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

/** A worker that hears questions from now on. */
async function startWorker(read: (executionId: string) => Promise<TranscriptAnswer>): Promise<void> {
  const subscriber = twin.connect('subscriber');
  await once(subscriber, 'ready');
  const onError = (error: unknown) => {
    throw error;
  };
  answerTranscriptRequests({ subscriber, redis: twin.connect('patient'), keys: twin.keys, read, onError });
  // The answer comes after that of the subscription.
  await subscriber.ping();
}

it('are answered once, by one of several workers, and leave nothing behind', async () => {
  const requests = createTranscriptRequests(twin);
  expect(await requests.ask('nobody-there', 100)).toBeUndefined();
  const asked: string[] = [];
  const read = async (executionId: string) => {
    asked.push(executionId);
    return { bytes: executionId.length, sha256: executionId };
  };
  for (let count = 0; count < 3; count += 1) await startWorker(read);
  const ids = ['job_1-1-1', 'job_2-1-1', 'job_3-2-1'];
  const answers = await Promise.all(ids.map((id) => requests.ask(id, 10_000)));
  expect(answers).toEqual(ids.map((id) => ({ bytes: id.length, sha256: id })));
  expect(asked.sort()).toEqual(ids);
  await twin.server.assertNoKeys(':{transcript:');
});

it('that come to nothing in time are given up, and their keys expire', async () => {
  const other = await openRedisTwin();
  try {
    const { promise, resolve } = Promise.withResolvers<TranscriptAnswer>();
    const subscriber = other.connect('subscriber');
    await once(subscriber, 'ready');
    const redis = other.connect('patient');
    answerTranscriptRequests({ subscriber, redis, keys: other.keys, read: () => promise, onError: () => {} });
    await subscriber.ping();
    expect(await createTranscriptRequests(other).ask('job_1-1-1', 200)).toBeUndefined();
    resolve({ reason: 'under_way', message: 'late' });
    for (const key of await redis.keys(
      `${other.keys.transcripts.replace(/transcripts$/, '')}{transcript:*`,
    )) {
      expect(await redis.pttl(key)).toBeGreaterThan(0);
    }
  } finally {
    await other.close();
  }
});
