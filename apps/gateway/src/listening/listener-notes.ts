/**
 * Notes in their records who listens to the jobs of this gateway's connections, so that it can be told afterwards who
 * was handed what. Only to be looked at: nothing waits for a note, and what an outage or a kill takes away is not
 * written again. Invariant: a job's listeners cost one write in each interval at most.
 */
import { randomBytes } from 'node:crypto';
import type { ListenLog } from '@cc-executor/job-log';
import type { ListenerNote } from '@cc-executor/protocol';
import { createRepeatedWarning, type Logger } from '@cc-executor/runtime';

/** How long notes wait for others of their job, in ms. */
const INTERVAL_MS = 250;

type ListenerPart = Pick<ListenerNote, 'door' | 'afterSeq' | 'watches'>;

export type ListenerNotes = {
  /** Somebody begins to listen. The returned function is called when that is over. */
  begin(job: { tenant: string; jobId: string }, listener: ListenerPart): EndNote;
  /** Resolves when what there is about a tenant's job has been written, or could not be: who reads it then finds it. */
  settle(tenant: string, jobId: string): Promise<void>;
  /** Writes what there is. Idempotent. */
  close(): Promise<void>;
};

export type EndNote = (state: Exclude<ListenerNote['state'], 'listening'>, lastSeq: number) => void;

export function createListenerNotes({
  listenLog,
  logger,
  intervalMs = INTERVAL_MS,
  now = Date.now,
}: {
  listenLog: ListenLog;
  logger: Logger;
  intervalMs?: number;
  now?: () => number;
}): ListenerNotes {
  const gateway = randomBytes(4).toString('hex');
  let count = 0;
  const unwritten = new Map<string, { tenant: string; notes: Map<string, ListenerNote> }>();
  const onFailed = createRepeatedWarning(logger, 'who listens to a job could not be noted');
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<unknown> = Promise.resolve();
  let closed = false;

  function put({ tenant, jobId }: { tenant: string; jobId: string }, note: ListenerNote): void {
    if (closed) return;
    const job = unwritten.get(jobId) ?? { tenant, notes: new Map() };
    job.notes.set(note.id, note);
    unwritten.set(jobId, job);
    timer ??= setTimeout(write, intervalMs).unref();
  }

  async function writeOf(jobId: string): Promise<void> {
    const job = unwritten.get(jobId);
    if (!job) return;
    unwritten.delete(jobId);
    await listenLog.noteListeners(job.tenant, jobId, [...job.notes.values()]).catch(onFailed);
  }

  function write(): void {
    timer = undefined;
    writing = Promise.all([...unwritten.keys()].map(writeOf));
  }

  return {
    begin(job, listener) {
      count += 1;
      const note = { id: `${gateway}-${count}`, ...listener, since: now() };
      put(job, { ...note, lastSeq: listener.afterSeq, state: 'listening' });
      return (state, lastSeq) => put(job, { ...note, lastSeq, state, until: now() });
    },
    async settle(tenant, jobId) {
      // For another the job is missing: that has to take as long, whoever listens to it.
      if (unwritten.get(jobId)?.tenant === tenant) await writeOf(jobId);
    },
    async close() {
      if (!closed) {
        clearTimeout(timer);
        write();
        closed = true;
      }
      await writing;
    },
  };
}
