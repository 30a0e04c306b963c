/**
 * What happened in a run, as facts: what clients were told and saw, what upstream did, what Redis holds at the end,
 * and which faults there were. `checkHistory` judges it; as JSON lines it can be kept and judged again.
 * Times are Unix times in milliseconds, on the clock that Redis has too: the machine's.
 */
import type { JobStatus, RetryPolicy } from '@cc-executor/protocol';

/** An `execute` that was answered with a job. */
export type Acknowledged = {
  jobId: string;
  epoch: string;
  created: boolean;
  at: number;
  gateway: string;
  retry: RetryPolicy;
  idempotencyKey?: string;
  tenant?: string;
};

/**
 * How an attachment ended before the history was taken. `terminal`: the gateway ended it, as the job had ended. The
 * client `detached`; the connection was lost (`disconnected`); the gateway said `job_lost`.
 */
export type AttachmentEnding = 'terminal' | 'detached' | 'disconnected' | 'job_lost';

/** One attachment: from its answer on, over one connection. A client that resumes begins another. */
export type Attached = {
  jobId: string;
  client: string;
  gateway: string;
  afterSeq: number;
  openedAt: number;
  /** Events as the JSON that came, in the order in which they came. */
  events: string[];
  /** When each of them came. */
  arrivedAt: number[];
  /** Without it, the attachment lived when the history was taken. */
  end?: { at: number; how: AttachmentEnding; detail?: string };
  tenant?: string;
};

/** An answered `cancel`. */
export type CancelAnswered = {
  jobId: string;
  at: number;
  gateway: string;
  status: JobStatus;
  accepted: boolean;
};

/**
 * How a call upstream ended. `complete`: with positive evidence of success, all of it sent. `failed`: it said that
 * it failed. `refused`: it said that it took nothing (429, 503, 529). `client-abort`: the worker closed it.
 * `cut`: it broke. `no-evidence`: it ended in good order and said nothing.
 */
export type UpstreamEnding = 'complete' | 'failed' | 'refused' | 'client-abort' | 'cut' | 'no-evidence';

/** One execution, as upstream itself recorded it. */
export type UpstreamCallRecord = {
  jobId: string;
  attempt: number;
  startedAt: number;
  /** When the first of its output was sent. */
  firstByteAt?: number;
  /** Without these two it still ran when the history was taken. */
  endedAt?: number;
  endedBy?: UpstreamEnding;
  /** The text it sent; of a complete call, without what it took back itself. Left out when not known. */
  text?: string;
  /** Of `text`, as upstream computed it. */
  sha256?: string;
};

/** A job as it stands in Redis at the end; `record` is undefined when there is none. */
export type StoredJob = { jobId: string; record?: Record<string, string>; log: string[] };

export type Fault = {
  name: string;
  startedAt: number;
  endedAt: number;
  /** Redis lost what was acknowledged before: `all` of it (wiped), or only the `tail` (a power cut). */
  losesData?: 'all' | 'tail';
};

/** What should have gone and has not; each list names what is left. I10 asks that all are empty. */
export type Leftovers = {
  sockets?: string[];
  keysWithoutExpiry?: string[];
  queueEntries?: string[];
  dueJobs?: string[];
  subscriptions?: string[];
};

export type History = {
  acknowledged: Acknowledged[];
  attachments: Attached[];
  cancels: CancelAnswered[];
  calls: UpstreamCallRecord[];
  stored: StoredJob[];
  faults: Fault[];
  leftovers: Leftovers;
  /** When Redis was read and the recording ended. */
  takenAt: number;
};

const lists = ['acknowledged', 'attachments', 'cancels', 'calls', 'stored', 'faults'] as const;

/** One fact a line. */
export function formatHistory(history: History): string {
  const facts: unknown[] = lists.flatMap((kind) => history[kind].map((fact) => ({ kind, fact })));
  facts.push({ kind: 'end', fact: { leftovers: history.leftovers, takenAt: history.takenAt } });
  return facts.map((fact) => `${JSON.stringify(fact)}\n`).join('');
}

/** Reads what `formatHistory` wrote. Throws on anything else, and on a history without its end. */
export function parseHistory(text: string): History {
  const history = emptyHistory();
  let hasEnd = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const { kind, fact } = JSON.parse(line) as { kind: string; fact: never };
    const list = lists.find((name) => name === kind);
    if (list) history[list].push(fact);
    else if (kind === 'end') Object.assign(history, fact);
    else throw new Error(`line ${index + 1} of the history is of an unknown kind: ${kind}`);
    hasEnd ||= kind === 'end';
  }
  if (!hasEnd) throw new Error('the history is cut off: its end is missing');
  return history;
}

export function emptyHistory(): History {
  return {
    ...{ acknowledged: [], attachments: [], cancels: [], calls: [], stored: [], faults: [] },
    ...{ leftovers: {}, takenAt: 0 },
  };
}
