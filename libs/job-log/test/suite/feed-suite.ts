/** Conformance: what is published, and to whom. */
import { eventTexts } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';

import {
  cancelled,
  completed,
  listen,
  newJob,
  output,
  readAll,
  runningJob,
  TENANT,
  type Twin,
} from './twin.ts';

export function describeFeed(twin: () => Twin): void {
  describe('the feed', () => {
    it('brings every batch in order, in the bytes of the log, with the status after it', async () => {
      const { log, feed } = twin();
      const job = newJob();
      const { jobId, epoch } = job;
      const listener = await listen(feed, jobId);
      await log.create(job);
      await log.begin(jobId, 1_000, 'worker-1');
      const text = 'a\n"b"\r\n🙂';
      const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output(text), output('')], hasOutput: true };
      await log.append(batch);
      await log.append(batch);
      await log.append({ ...batch, firstSeq: 4, bodies: [output('c'), completed], terminal: 'completed' });
      await listener.until((publications) => publications.at(-1)?.lastSeq === 5);
      const all = await readAll(log, jobId);
      const told = listener.publications.map(({ batch, ...position }) => ({
        ...position,
        events: batch && eventTexts(batch),
      }));
      expect(told).toEqual([
        { epoch, lastSeq: 1, status: 'queued', events: all.slice(0, 1) },
        { epoch, lastSeq: 3, status: 'running', events: all.slice(1, 3) },
        { epoch, lastSeq: 5, status: 'completed', events: all.slice(3) },
      ]);
      listener.unsubscribe();
    });

    it('brings the end of a job that was cancelled, queued or running', async () => {
      const { log, feed } = twin();
      const queued = newJob();
      await log.create(queued);
      const running = await runningJob(log);
      const listeners = [await listen(feed, queued.jobId), await listen(feed, running.jobId)];
      await log.cancel(TENANT, queued.jobId, 'client');
      await log.cancel(TENANT, running.jobId, 'client');
      const batch = { jobId: running.jobId, fence: 1, firstSeq: 2, bodies: [cancelled], hasOutput: false };
      await log.append({ ...batch, terminal: 'cancelled' });
      for (const listener of listeners) {
        await listener.until(({ length }) => length === 1);
        expect(listener.publications).toMatchObject([
          { lastSeq: 2, status: 'cancelled', batch: { firstSeq: 2, lastSeq: 2 } },
        ]);
        listener.unsubscribe();
      }
    });

    it('serves all listeners of a job until each leaves, and counts processes that listen', async () => {
      const { log, feed, countListeners } = twin();
      const { jobId } = await runningJob(log);
      expect(await countListeners(jobId)).toBe(0);
      const first = await listen(feed, jobId);
      const second = await listen(feed, jobId);
      expect(await countListeners(jobId)).toBeGreaterThan(0);
      const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output('a')], hasOutput: true };
      await log.append(batch);
      await Promise.all([first, second].map((one) => one.until(({ length }) => length === 1)));

      first.unsubscribe();
      first.unsubscribe();
      await log.append({ ...batch, firstSeq: 3 });
      await second.until(({ length }) => length === 2);
      expect(first.publications).toHaveLength(1);

      second.unsubscribe();
      const third = await listen(feed, jobId);
      await log.append({ ...batch, firstSeq: 4 });
      await third.until(({ length }) => length === 1);
      expect(second.publications).toHaveLength(2);
      third.unsubscribe();
      // An acknowledged subscription to something else: the unsubscription before it is in force.
      (await listen(feed, newJob().jobId)).unsubscribe();
      expect(await countListeners(jobId)).toBe(0);
    });

    it('lets a listener leave while it is told', async () => {
      const { log, feed } = twin();
      const { jobId } = await runningJob(log);
      let heard = 0;
      const unsubscribe = await feed.subscribe(jobId, () => {
        heard += 1;
        unsubscribe();
      });
      const other = await listen(feed, jobId);
      const batch = { jobId, fence: 1, firstSeq: 2, bodies: [output('a')], hasOutput: true };
      await log.append(batch);
      await log.append({ ...batch, firstSeq: 3 });
      await other.until(({ length }) => length === 2);
      expect(heard).toBe(1);
      other.unsubscribe();
    });
  });
}
