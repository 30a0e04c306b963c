/** Attaching from a snapshot: its pages are put together as they come, and its last page is where the events begin. */
import type { Fold, Notices, Requests } from '@cc-executor/protocol/plain';
import type { Connection } from './connection.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import { ClientError } from './errors.ts';

type Page = Notices['snapshot'];
type Attached = Requests['attach']['result'];

/** `seq` is what the snapshot is of; the events after it follow in the very turn. */
type OnSnapshot = (attached: Attached, snapshot: Fold, seq: number) => void;
type Waiting = Deferred<void> & { pieces: Page['pieces']; attached?: Attached; onSnapshot: OnSnapshot };

export type Snapshots = {
  /** Attaches to a job; resolves when `onSnapshot` was called. Errors: those of `attach`; `connection_closed`, retryable, when that broke. */
  attach(
    params: { jobId: string; epoch?: string | undefined; watch?: boolean | undefined },
    onSnapshot: OnSnapshot,
  ): Promise<void>;
  receive(page: Page): void;
  /** Of one job, or of all. */
  fail(error: ClientError, jobId?: string): void;
};

export function createSnapshots(connection: Pick<Connection, 'request'>): Snapshots {
  const waiting = new Map<string, Waiting>();

  return {
    async attach(params, onSnapshot) {
      const { jobId } = params;
      if (waiting.has(jobId)) throw new ClientError('already_attached', undefined, { jobId });
      const mine: Waiting = { ...createDeferred<void>(), pieces: [], onSnapshot };
      mine.promise.catch(() => undefined);
      waiting.set(jobId, mine);
      try {
        await connection.request(
          'attach',
          { ...params, from: 'snapshot', batches: true },
          {
            resend: false,
            onResult(result) {
              mine.attached = result;
            },
          },
        );
        await mine.promise;
      } finally {
        waiting.delete(jobId);
      }
    },
    receive({ jobId, seq, pieces, state }) {
      const mine = waiting.get(jobId);
      if (!mine?.attached) return;
      mine.pieces.push(...pieces);
      if (!state) return;
      waiting.delete(jobId);
      mine.onSnapshot(mine.attached, { pieces: mine.pieces, state }, seq);
      mine.resolve();
    },
    fail(error, jobId) {
      for (const [id, { reject }] of waiting) if (jobId === undefined || jobId === id) reject(error);
    },
  };
}
