/** Records a history while it happens. Everything is kept as it was told; judging is the checker's. */
import {
  type Acknowledged,
  type Attached,
  type AttachmentEnding,
  type CancelAnswered,
  emptyHistory,
  type Fault,
  type History,
  type Leftovers,
  type StoredJob,
  type UpstreamCallRecord,
} from './history.ts';

export type AttachmentRecorder = {
  /** An event came; `json` is what came. */
  event(json: string): void;
  /** It ended; later words are ignored: the first ending is the true one. */
  end(how: AttachmentEnding, detail?: string): void;
};

export type HistoryRecorder = {
  acknowledged(answer: Omit<Acknowledged, 'at'>): void;
  attached(
    opened: Pick<Attached, 'jobId' | 'client' | 'gateway' | 'afterSeq' | 'tenant'>,
  ): AttachmentRecorder;
  cancelAnswered(answer: Omit<CancelAnswered, 'at'>): void;
  /** A fault begins; call the returned function when it is over. */
  fault(name: string, options?: Pick<Fault, 'losesData'>): () => void;
  /** Ids of all jobs named so far. */
  jobIds(): string[];
  /** Takes the history. Throws when a fault is not over: no promise could be checked. */
  finish(end: { calls: UpstreamCallRecord[]; stored: StoredJob[]; leftovers?: Leftovers }): History;
};

/** @param now the machine's clock, as Redis has it */
export function createHistoryRecorder(now: () => number = Date.now): HistoryRecorder {
  const history = emptyHistory();
  const running = new Set<{ name: string }>();

  return {
    acknowledged: (answer) => void history.acknowledged.push({ ...answer, at: now() }),
    attached(opened) {
      const attachment: Attached = { ...opened, openedAt: now(), events: [], arrivedAt: [] };
      history.attachments.push(attachment);
      return {
        event(json) {
          attachment.events.push(json);
          attachment.arrivedAt.push(now());
        },
        end(how, detail) {
          attachment.end ??= { at: now(), how, ...(detail === undefined ? {} : { detail }) };
        },
      };
    },
    cancelAnswered: (answer) => void history.cancels.push({ ...answer, at: now() }),
    fault(name, options = {}) {
      const startedAt = now();
      const token = { name };
      running.add(token);
      return () => {
        if (running.delete(token)) history.faults.push({ name, startedAt, endedAt: now(), ...options });
      };
    },
    jobIds: () => [
      ...new Set(
        [...history.acknowledged, ...history.attachments, ...history.cancels].map(({ jobId }) => jobId),
      ),
    ],
    finish({ calls, stored, leftovers = {} }) {
      const names = [...running].map(({ name }) => name);
      if (names.length > 0) throw new Error(`these faults are not over: ${names.join(', ')}`);
      return structuredClone({ ...history, calls, stored, leftovers, takenAt: now() });
    },
  };
}
