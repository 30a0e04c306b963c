import { type Client, createClient } from '@cc-executor/client';
import { expect, it, onTestFinished, vi } from 'vitest';
import { watchQueue } from '../src/queue-position.ts';

type Job = Awaited<ReturnType<Client['get']>>;

it('tells how many go before a job for as long as it waits, whatever cannot be asked', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const client = createClient({ url: 'ws://127.0.0.1:1/ws' });
  onTestFinished(() => client.close());
  const stored: Job = {
    ...{ jobId: 'job_1', epoch: 'e', status: 'queued', attempt: 0, lastSeq: 1, retry: 'safe' },
    ...{ createdAt: 7, cancelRequested: false, pauseRequested: false, deadlineAt: 9 },
  };
  const get = vi.spyOn(client, 'get');
  get.mockResolvedValueOnce({ ...stored, position: 3 });
  get.mockRejectedValueOnce(new Error('away'));
  get.mockResolvedValueOnce({ ...stored, position: 1 });
  get.mockResolvedValue(stored);
  const told: string[] = [];
  const stop = watchQueue(client, { jobId: 'job_1', status: 'queued' }, (text) => told.push(text));
  await vi.advanceTimersByTimeAsync(8_000);
  expect(get).toHaveBeenLastCalledWith('job_1');
  expect(told).toEqual(['queued, 3 before it', 'queued, 1 before it', 'waiting for a worker']);
  stop();
  get.mockClear();
  await vi.advanceTimersByTimeAsync(8_000);
  expect(get).not.toHaveBeenCalled();
});
