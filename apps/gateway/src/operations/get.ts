/** Get: what a job's record says now, its terminal event when it has ended, how far its webhook has come, who has listened. */
import type { ReadLog } from '@cc-executor/job-log';
import { ProtocolError, type TerminalEvent } from '@cc-executor/protocol';
import type { Producer } from '@cc-executor/queue';
import type { ListenerNotes } from '../listening/listener-notes.ts';
import { shownJob } from './filter.ts';
import type { Operation } from './operation.ts';
import { seesAll } from './reach.ts';

/** Errors: `job_not_found`. */
export function createGet({
  readLog,
  listenerNotes,
  producer,
  showTitles,
}: {
  readLog: ReadLog;
  producer: Pick<Producer, 'ahead'>;
  listenerNotes: Pick<ListenerNotes, 'settle'>;
  showTitles: boolean;
}): Operation<'get'> {
  return async ({ tenant, identity, reads }, { jobId }) => {
    await listenerNotes.settle(tenant, jobId);
    const stored = await reads.take(() => readLog.get(tenant, jobId));
    if (!stored) throw new ProtocolError('job_not_found');
    const job = shownJob(stored.job, { showTitles, showTenant: seesAll(identity) });
    const position = job.status === 'queued' ? await producer.ahead(tenant, jobId) : undefined;
    const { terminalEvent, listeners, moreListeners, delivery } = stored;
    const terminal = terminalEvent && { terminal: JSON.parse(terminalEvent) as TerminalEvent };
    return {
      result: {
        ...job,
        ...(position !== undefined && { position }),
        ...terminal,
        ...(delivery && { webhook: delivery }),
        ...(listeners.length > 0 && { listeners }),
        ...(moreListeners > 0 && { moreListeners }),
      },
    };
  };
}
