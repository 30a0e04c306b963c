/** What stands in a log, as the JSON texts that clients get. */

import type { Keys, Page } from '@cc-executor/job-log';
import { eventTexts } from '@cc-executor/protocol';
import type { TestRedis } from './test-redis.ts';

/** The events of a page; none without one. */
export function textsOf(page: Pick<Page, 'batches'> | undefined): string[] {
  return page?.batches.flatMap(eventTexts) ?? [];
}

/** The whole log as it lies in Redis, past the scripts that read it. */
export async function readRawLog(admin: TestRedis['admin'], keys: Keys, jobId: string): Promise<string[]> {
  const [epoch, entries] = await Promise.all([
    admin.hget(keys.record(jobId), 'epoch'),
    admin.lrangeBuffer(keys.log(jobId), 0, -1),
  ]);
  const texts: string[] = [];
  for (let i = 0; i < entries.length; i += 2) {
    const [firstSeq = 0, attempt = 0, time = 0] = String(entries[i]).split(' ').map(Number);
    const head = { jobId, epoch: String(epoch), firstSeq, lastSeq: firstSeq, attempt, time };
    texts.push(...eventTexts({ ...head, bodies: entries[i + 1] ?? Buffer.alloc(0) }));
  }
  return texts;
}
