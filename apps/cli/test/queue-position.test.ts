import { expect, it, onTestFinished, vi } from 'vitest';
import { watchQueue } from '../src/queue-position.ts';

it('tells how many wait before a job for as long as it waits, whatever cannot be asked', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const count = vi.fn<() => Promise<{ jobs: number; hasMore: boolean }>>();
  count.mockResolvedValueOnce({ jobs: 3, hasMore: false });
  count.mockRejectedValueOnce(new Error('away'));
  count.mockResolvedValueOnce({ jobs: 1_000, hasMore: true });
  count.mockResolvedValue({ jobs: 0, hasMore: false });
  const told: string[] = [];
  const job = { status: 'queued' as const };
  const stop = watchQueue({ count } as never, job, {
    queued: { time: 7 } as never,
    tell: (text) => told.push(text),
  });
  await vi.advanceTimersByTimeAsync(8_000);
  expect(count).toHaveBeenLastCalledWith({ status: 'queued', before: 7 });
  expect(told).toEqual(['queued, 3 before it', 'queued, more than 1000 before it']);
  stop();
  count.mockClear();
  await vi.advanceTimersByTimeAsync(8_000);
  expect(count).not.toHaveBeenCalled();
});
