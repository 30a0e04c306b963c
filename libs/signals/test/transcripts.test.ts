/** Questions for transcripts, from a gateway to whichever worker takes them. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { answerTranscriptRequests, createTranscriptRequests, type TranscriptAnswer } from '../src/index.ts';
import { type Bench, openBench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** A worker that hears questions from now on. */
async function startWorker(
  read: (executionId: string, tenant?: string) => Promise<TranscriptAnswer>,
): Promise<void> {
  const subscriber = await bench.connect('subscriber');
  const redis = await bench.connect('patient');
  const onError = (error: unknown) => {
    throw error;
  };
  answerTranscriptRequests({ subscriber, redis, keyPrefix: bench.keyPrefix, read, onError });
  // The answer comes after that of the subscription.
  await subscriber.ping();
}

it('are answered once, by one of several workers, and leave nothing behind', async () => {
  const { keyPrefix, server } = bench;
  const requests = createTranscriptRequests({ redis: await bench.connect('impatient'), keyPrefix });
  expect(await requests.ask('nobody-there', 'acme', 100)).toBeUndefined();
  const asked: string[] = [];
  const read = async (executionId: string, tenant = '') => {
    asked.push(`${executionId} of ${tenant}`);
    return { bytes: executionId.length, sha256: executionId };
  };
  for (let count = 0; count < 3; count += 1) await startWorker(read);
  const ids = ['job_1-1-1', 'job_2-1-1', 'job_3-2-1'];
  const answers = await Promise.all(ids.map((id) => requests.ask(id, 'acme', 10_000)));
  expect(answers).toEqual(ids.map((id) => ({ bytes: id.length, sha256: id })));
  expect(asked.sort()).toEqual(ids.map((id) => `${id} of acme`));
  await server.assertNoKeys(keyPrefix);
});

it('that come to nothing in time are given up, and their keys expire', async () => {
  const { promise, resolve } = Promise.withResolvers<TranscriptAnswer>();
  await startWorker(() => promise);
  const redis = await bench.connect('impatient');
  const requests = createTranscriptRequests({ redis, keyPrefix: bench.keyPrefix });
  expect(await requests.ask('job_1-1-1', 'acme', 200)).toBeUndefined();
  resolve({ reason: 'under_way', message: 'late' });
  const left = await vi.waitUntil(async () => {
    const keys = await redis.keys(`${bench.keyPrefix}:{transcript:*`);
    return keys.length === 2 && keys;
  });
  for (const key of left) expect(await redis.pttl(key)).toBeGreaterThan(0);
});
