/** What the conformance suite needs of an implementation, and the jobs and events it plays with. */

import { createEpoch, createJobId, type JobEvent, type ListenerNote } from '@cc-executor/protocol';
import { textsOf, type WholeLog } from '@cc-executor/testing';
import type { JobFeed, NewJob, Publication, UsageBlock } from '../../src/index.ts';

export type Twin = {
  log: WholeLog;
  feed: JobFeed;
  usageBlock: UsageBlock;
  /** How many processes listen to a job's events. */
  countListeners(jobId: string): Promise<number>;
  /** Lets time pass on the log's clock. */
  pass(ms: number): Promise<void>;
  /** Makes these jobs look as if they had been created in the same millisecond. */
  createdTogether(tenant: string, jobIds: string[]): Promise<void>;
  close(): Promise<void>;
};

/** Whose the jobs are, unless a test says otherwise. */
export const TENANT = 'tenant';

export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return {
    jobId: createJobId(),
    epoch: createEpoch(),
    tenant: TENANT,
    spec: { prompt: 'What is 24*7?' },
    queueMs: 60_000,
    totalMs: 60_000,
    retry: 'safe',
    ...changes,
  };
}

/** A job that an attempt has: seq 1 stands in its log, the attempt's fence is 1. */
export async function runningJob(log: WholeLog, changes: Partial<NewJob> = {}): Promise<NewJob> {
  const job = newJob(changes);
  await log.create(job);
  const begun = await log.begin(job.jobId, 10_000, 'worker-1');
  if (begun.code !== 'begun') throw new Error(`the job was ${begun.code}`);
  return job;
}

export function listenerNote(id: string, changes: Partial<ListenerNote> = {}): ListenerNote {
  return {
    id,
    door: 'native',
    since: 1_795_763_319_123,
    afterSeq: 0,
    lastSeq: 1,
    state: 'listening',
    ...changes,
  };
}

export function output(text: string): string {
  return JSON.stringify({ type: 'output', text });
}

export const completed = JSON.stringify({ type: 'completed', evidence: 'complete-line' });
export const cancelled = JSON.stringify({ type: 'cancelled', by: 'client', partial: false });

export function parseEvents(events: string[]): JobEvent[] {
  return events.map((event) => JSON.parse(event) as JobEvent);
}

/** The whole log. */
export async function readAll(log: WholeLog, jobId: string): Promise<string[]> {
  const page = await log.range(TENANT, jobId, { afterSeq: 0, maxEvents: 100_000, maxBytes: 1e9 });
  if (!page) throw new Error('no record');
  return textsOf(page);
}

/** Listens to a job; `until` resolves when the publications that have come fit. */
export async function listen(feed: JobFeed, jobId: string) {
  const publications: Publication[] = [];
  const waiting = new Set<() => void>();
  const unsubscribe = await feed.subscribe(jobId, (publication) => {
    publications.push(publication);
    for (const check of waiting) check();
  });
  return {
    publications,
    unsubscribe,
    until(fits: (publications: Publication[]) => boolean): Promise<void> {
      return new Promise((resolve) => {
        const check = () => {
          if (!fits(publications)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    },
  };
}

/** What a worker says of a job that it gives back to wait. */
export const throttled = JSON.stringify({ type: 'throttled', untilMs: 1, reason: 'usage_limit' });
