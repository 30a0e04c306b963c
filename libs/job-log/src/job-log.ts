/**
 * What a job log does, whoever keeps it: Redis in production, memory in tests; one suite runs over both.
 *
 * Invariants: seq counts 1, 2, 3 … without a hole; every write carries the fence of its attempt, and a write of an
 * older one is refused; a log has one terminal event, and nothing follows it; any write may be repeated.
 */
import type {
  Delivery,
  ExecuteParams,
  Job,
  JobStatus,
  ListenerNote,
  RetryPolicy,
  TerminalStatus,
} from '@cc-executor/protocol';
import type { BodyPage, KeptBody } from './kept-body.ts';
import type { Charge, Spent } from './ledger.ts';
import type { ListFilter, Reach } from './list-query.ts';
import type { StoredBatch } from './stored-batch.ts';
import type { Secrets } from './vault.ts';

/** What the client asked for: kept in the record, and read by the worker, which has no use for metadata and webhook. */
export type JobSpec = Omit<
  ExecuteParams,
  'idempotencyKey' | 'attach' | 'batches' | 'traceparent' | keyof Secrets
> & {
  /** By the vault of the services. */
  sealed?: string;
};

export type NewJob = {
  jobId: string;
  epoch: string;
  tenant: string;
  spec: JobSpec;
  /** How long the job may wait for a worker, in ms. */
  queueMs: number;
  /** How long it may run once taken, in ms. */
  totalMs: number;
  retry: RetryPolicy;
  /** What lists show of its prompt, and find it by; none where that is not to be shown. */
  title?: string;
  /** The job that it asks for once more. */
  rerunOf?: string;
  /** Of what its client calls it a part (W3C Trace Context). */
  traceparent?: string;
  /** What it is charged with. */
  charges?: readonly Charge[];
};

export type Created = { created: boolean; epoch: string; status: JobStatus };

export type Attempt = {
  fence: number;
  /** Last seq of the log; the attempt's first event is the next. */
  lastSeq: number;
  epoch: string;
  spec: JobSpec;
  /** How long the attempt may take, in ms. */
  remainingMs: number;
  /** Until when it may wait in the queue for a usage limit to be lifted, on Redis's clock; 0 when that is not known. */
  takeBy: number;
  tenant: string;
  /** How long ago it was accepted, in ms, when the attempt began. */
  queuedMs: number;
  /** How often the job has been begun, with this attempt. */
  attempts: number;
  /** Earlier attempts put output out. */
  hasOutput: boolean;
  /** The job is to be paused as soon as it runs. */
  pauseWish: boolean;
  /** How many bytes of messages are kept apart from their events already. */
  bodyBytes: number;
  /** Of the attempt, where it is traced. */
  traceparent?: string;
};

export type BeginOutcome =
  | { code: 'begun' | 'queue_timeout' | 'total_timeout'; attempt: Attempt }
  | { code: 'held' | 'terminal' | 'missing' };

/**
 * Events of one attempt to be appended together. Bodies are JSON objects, written once and never parsed here: as text, or in
 * UTF-8 where they are there so.
 */
export type Batch = {
  jobId: string;
  fence: number;
  firstSeq: number;
  bodies: (string | Buffer)[];
  /** Messages that these events hold shortened, to be kept whole. */
  kept?: KeptBody[];
  /** One of the events carries output: from now on, running the job again would repeat it. */
  hasOutput: boolean;
  /** Given when the last event is a terminal one. */
  terminal?: TerminalStatus;
  /** With it: what lists show of the end. */
  ending?:
    | { costUsd?: number | undefined; failure?: string | undefined; conversation?: string | undefined }
    | undefined;
  /** With it: how long ago it was accepted, in ms. */
  ageMs?: number;
  /** With it: what the job took of budgets. */
  spent?: Spent;
  /** What the last event changes in the record. */
  change?: RecordChange;
};

/**
 * `paused`: the deadline becomes the end of the pause. `resumed`: what was left of the time counts on. `refused`: the wish is
 * dropped. `restarted`: the work is begun anew, which counts as another attempt.
 * `limited`: a usage limit is reached; given back, by its worker or by the sweeper when that dies, it waits until `notBefore`.
 */
export type RecordChange =
  | { code: 'paused'; limitMs: number }
  | { code: 'resumed' | 'refused' }
  | { code: 'restarted' }
  | { code: 'limited'; notBefore: number };

export type AppendCode = 'ok' | 'duplicate' | 'fenced' | 'terminal' | 'cancel_requested' | 'gap' | 'missing';
/** What clients have asked of a running job, as every reply to its worker says. */
export type Wishes = { cancelBy: string | undefined; pauseWish: boolean };

/** `logBytes`: what the log of the job takes. */
export type AppendOutcome = { code: AppendCode; lastSeq: number; logBytes: number } & Wishes;

export type RenewOutcome = { code: 'ok' | 'fenced' | 'terminal' | 'missing' } & Wishes;

export type ReleaseCode = 'ok' | 'fenced' | 'terminal' | 'missing' | 'cancel_requested';

export type CancelOutcome =
  | { code: 'cancelled' | 'requested' | 'terminal'; status: JobStatus }
  | { code: 'missing' };

export type PauseOutcome = { code: 'recorded' | 'terminal'; status: JobStatus } | { code: 'missing' };

/** What to read of a log: one event at least, whatever its size. */
export type Stretch = {
  afterSeq: number;
  maxEvents: number;
  /** Of their bodies, and `headBytes` for each. */
  maxBytes: number;
  /** What the reader puts around each body; default 0. */
  headBytes?: number;
};

export type Position = { epoch: string; lastSeq: number; status: JobStatus };

/** A stretch of the log, from the wanted event on; `undefined` from `range` means that there is no record. */
export type Page = Position & { batches: StoredBatch[] };

/** A job, and whose it is: it is shown to those who see the jobs of all. */
export type OwnedJob = Job & { tenant: string };

export type StoredJob = {
  job: OwnedJob;
  /** It is to be cancelled when nobody listens to it. */
  mayBeAbandoned: boolean;
  /** Once it has ended, as JSON. */
  terminalEvent: string | undefined;
  listeners: ListenerNote[];
  /** How many more have listened. */
  moreListeners: number;
  /** Of its webhook, where it has one. */
  delivery?: Delivery;
};

export type ListQuery = ListFilter & { limit: number; cursor?: string | undefined };

/** `hasMore`: more than are counted. */
export type JobCount = { jobs: number; hasMore: boolean };

export type JobList = { jobs: OwnedJob[]; cursor: string | undefined };

/** What an idempotency key stands for. */
export type Reservation = {
  jobId: string;
  /** Of the payload. */
  hash: string;
  /** Until when the job may be created, on Redis's clock. */
  createBefore: number;
  /** Names the key in the record of its job. */
  keyHash: string;
};

/** For whoever accepts jobs. */
export type AcceptLog = {
  /**
   * Gives an idempotency key to a job, or tells whose it is. It is a job's as long as that has a record, and, until it
   * has one, for a moment. `hash` tells payloads apart.
   */
  reserve(tenant: string, idempotencyKey: string, jobId: string, hash: string): Promise<Reservation>;
  /**
   * Writes the record and the event `queued`; a job that is there stays as it is. `onSent` is called when the record is on
   * its way: what it sends over the same connection comes behind it. Errors: `QuotaExceededError`, also of the next; nothing is
   * written then.
   */
  create(job: NewJob, onSent?: () => void): Promise<Created>;
  /** The same for a reserved job; undefined when it is not there, and may not be created any more: reserve again. */
  createReserved(job: NewJob, reservation: Reservation, onSent?: () => void): Promise<Created | undefined>;
  /** The queue has the job: nobody need look for its entry. */
  enqueued(jobId: string): Promise<void>;
};

/** For whoever reads on behalf of a client: a job of another tenant is missing. */
export type ReadLog = {
  range(tenant: string, jobId: string, stretch: Stretch): Promise<Page | undefined>;
  /** True last positions, for heartbeats; a job without a record is left out. */
  positions(tenant: string, jobIds: string[]): Promise<Map<string, Position>>;
  get(tenant: string, jobId: string): Promise<StoredJob | undefined>;
  /** What was asked for, metadata and all. */
  spec(tenant: string, jobId: string): Promise<JobSpec | undefined>;
  /** A page of the whole message of an event that was shortened; undefined when there is no such job. */
  body(tenant: string, jobId: string, at: { seq: number; offset: number }): Promise<BodyPage | undefined>;
  /** A page holds fewer jobs than `limit` where their metadata is long; a cursor says that there are more. */
  list(reach: Reach, query: ListQuery): Promise<JobList>;
  count(reach: Reach, filter: ListFilter): Promise<JobCount>;
  /** Whose a job is: only for who may see the jobs of all. Undefined: there is none. */
  ownerOf(jobId: string): Promise<string | undefined>;
};

/** For whoever says what is wished of a job: recorded first, then signalled. A job of another tenant is missing. */
export type WishLog = {
  cancel(tenant: string, jobId: string, by: 'client' | 'disconnect' | 'operator'): Promise<CancelOutcome>;
  /** Records that a job is to be paused, or is to go on. */
  setPauseWish(tenant: string, jobId: string, wish: boolean): Promise<PauseOutcome>;
};

/** For whoever forwards events. A job of another tenant is missing. */
export type ListenLog = {
  /** Notes who listens to a job, and how far they have got; a note replaces the one with its id. */
  noteListeners(tenant: string, jobId: string, notes: readonly ListenerNote[]): Promise<void>;
};

/** For a worker, which runs the jobs of every tenant: what holds it to its own is the fence of its attempt. */
export type WriteLog = {
  /** `owner` names this pick-up of the job: a begin whose answer was lost is sent again with the same one. */
  begin(jobId: string, leaseMs: number, owner: string): Promise<BeginOutcome>;
  append(batch: Batch): Promise<AppendOutcome>;
  renew(jobId: string, fence: number, leaseMs: number): Promise<RenewOutcome>;
  /** Hands a job back, to be queued once more; one that is `limited` waits until then. When its work had begun, the attempt counts. */
  release(jobId: string, fence: number, hasBegun: boolean): Promise<ReleaseCode>;
};

/** What is known once a batch was published. Without it when it was too large for a message: read the log. */
export type Publication = Position & { batch?: StoredBatch };

/** Live batches of jobs. One connection carries them all. */
export type JobFeed = {
  /** Resolves when the subscription is acknowledged: what is appended from now on is heard. */
  subscribe(jobId: string, listener: (publication: Publication) => void): Promise<() => void>;
  /** Called after a connection was lost and is back: publications may have been missed. */
  onRestored(listener: () => void): () => void;
  close(): Promise<void>;
};
