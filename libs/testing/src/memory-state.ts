/**
 * The rules of the record and its log as pure functions of (state, input, now): the same rules as the scripts.
 * The in-memory job log wraps them, and the property tests check them against Redis.
 */
import type {
  AppendOutcome,
  Batch,
  KeptBody,
  NewJob,
  RecordChange,
  StoredBatch,
  Wishes,
} from '@cc-executor/job-log';
import {
  DEFAULT_TIMEOUTS,
  isTerminal,
  type JobStatus,
  type ListenerNote,
  MAX_LISTENER_NOTES,
  type TerminalStatus,
} from '@cc-executor/protocol';

export type RecordState = {
  job: NewJob;
  status: JobStatus;
  fence: number;
  batches: StoredBatch[];
  /** Of all batches but the first. */
  logBytes: number;
  /** Messages that are kept whole, apart from their events. */
  kept: KeptBody[];
  listeners: readonly ListenerNote[];
  moreListeners: number;
  createdAt: number;
  /** When the last attempt began. */
  begunAt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  deadline: number;
  /** When it must have ended, however often it is queued again. */
  endBy: number;
  attempts: number;
  lease: number;
  hasOutput: boolean;
  cancelBy: string | undefined;
  owner: string | undefined;
  /** How `begin` answered the attempt that has the job. */
  begun: 'begun' | 'queue_timeout' | 'total_timeout';
  pauseWish: boolean;
  /** Set while it is paused: since when, and what was left of its time. */
  paused: { at: number; leftMs: number } | undefined;
  /** What lists show of its end. */
  ending: Batch['ending'];
  /** A usage limit is reached until then. */
  notBefore: number | undefined;
};

/** The record of a new job, with its first event. */
export function createRecord(job: NewJob, now: number): RecordState {
  const state: RecordState = {
    job,
    status: 'queued',
    fence: 0,
    batches: [],
    logBytes: 0,
    kept: [],
    listeners: [],
    moreListeners: 0,
    createdAt: now,
    begunAt: now,
    startedAt: undefined,
    endedAt: undefined,
    deadline: now + job.queueMs,
    endBy: now + job.queueMs + job.totalMs,
    attempts: 0,
    lease: 0,
    hasOutput: false,
    cancelBy: undefined,
    owner: undefined,
    begun: 'begun',
    pauseWish: false,
    paused: undefined,
    ending: undefined,
    notBefore: undefined,
  };
  return withBatch(state, ['{"type":"queued"}'], now);
}

export function beginAttempt(
  state: RecordState,
  leaseMs: number,
  owner: string,
  now: number,
): { code: RecordState['begun'] | 'held' | 'terminal'; state: RecordState } {
  if (isTerminal(state.status)) return { code: 'terminal', state };
  if (state.status === 'running') return { code: state.owner === owner ? state.begun : 'held', state };
  const isLate = state.deadline < now;
  const limit = state.deadline === state.endBy ? 'total_timeout' : 'queue_timeout';
  const begun = isLate ? limit : 'begun';
  const next: RecordState = {
    ...state,
    status: 'running',
    fence: state.fence + 1,
    owner,
    begun,
    begunAt: now,
    attempts: state.attempts + 1,
    lease: now + leaseMs,
    startedAt: state.startedAt ?? now,
    notBefore: undefined,
  };
  return { code: begun, state: { ...next, deadline: now + remainingMsOf(next, now) } };
}

/** How long the attempt that has the job may take. */
export function remainingMsOf({ job, begun, endBy }: RecordState, now: number): number {
  return begun === 'begun' ? Math.min(job.totalMs, endBy - now) : job.totalMs;
}

export function appendBatch(
  state: RecordState,
  batch: Batch,
  now: number,
): { outcome: AppendOutcome; state: RecordState } {
  const refuse = (code: AppendOutcome['code']) => ({
    outcome: { code, lastSeq: lastSeqOf(state), logBytes: state.logBytes, ...wishesOf(state) },
    state,
  });
  if (batch.fence !== state.fence) return refuse('fenced');
  const lastSeq = lastSeqOf(state);
  const isThere = batch.firstSeq + batch.bodies.length - 1 <= lastSeq;
  if (isThere && (!batch.terminal || isTerminal(state.status))) return refuse('duplicate');
  if (isTerminal(state.status)) return refuse('terminal');
  if (batch.firstSeq !== lastSeq + 1) return refuse('gap');
  if (batch.terminal && batch.terminal !== 'cancelled' && state.cancelBy) return refuse('cancel_requested');
  const appended = withBatch(state, batch.bodies.map(String), now);
  const next: RecordState = {
    ...appended,
    logBytes: state.logBytes + bytesOf(appended.batches.slice(state.batches.length)),
    kept: [...state.kept, ...(batch.kept ?? [])],
    hasOutput: state.hasOutput || batch.hasOutput,
    ...(batch.change ? changeRecord(state, batch.change, now) : {}),
    ...(batch.terminal ? { status: batch.terminal, endedAt: now, ending: batch.ending } : {}),
  };
  const outcome = {
    code: 'ok',
    lastSeq: lastSeqOf(next),
    logBytes: next.logBytes,
    ...wishesOf(next),
  } as const;
  return { outcome, state: next };
}

/** Seq of the last event. */
export function lastSeqOf({ batches }: Pick<RecordState, 'batches'>): number {
  return batches.at(-1)?.lastSeq ?? 0;
}

/** What they take in Redis: their heads are `firstSeq attempt time`. */
function bytesOf(batches: StoredBatch[]): number {
  return batches.reduce(
    (sum, { firstSeq, attempt, time, bodies }) =>
      sum + `${firstSeq} ${attempt} ${time}`.length + bodies.length,
    0,
  );
}

function changeRecord(
  { paused, deadline, endBy, attempts }: RecordState,
  change: RecordChange,
  now: number,
): Partial<RecordState> {
  if (change.code === 'paused') {
    return { paused: paused ?? { at: now, leftMs: deadline - now }, deadline: now + change.limitMs };
  }
  if (change.code === 'restarted') return { attempts: attempts + 1 };
  if (change.code === 'limited') return { notBefore: change.notBefore };
  if (change.code === 'refused') return { pauseWish: paused !== undefined };
  if (!paused) return {};
  return { deadline: now + paused.leftMs, endBy: endBy + now - paused.at, paused: undefined };
}

export function wishesOf({ cancelBy, pauseWish }: RecordState): Wishes {
  return { cancelBy, pauseWish };
}

export function renewLease(
  state: RecordState,
  fence: number,
  leaseMs: number,
  now: number,
): { code: 'ok' | 'fenced' | 'terminal'; state: RecordState } {
  if (isTerminal(state.status)) return { code: 'terminal', state };
  if (state.fence !== fence || state.status !== 'running') return { code: 'fenced', state };
  return { code: 'ok', state: { ...state, lease: now + leaseMs } };
}

export function releaseJob(
  state: RecordState,
  { fence, hasBegun }: { fence: number; hasBegun: boolean },
  now: number,
): { code: 'ok' | 'fenced' | 'terminal' | 'cancel_requested'; state: RecordState } {
  if (isTerminal(state.status)) return { code: 'terminal', state };
  if (state.fence !== fence || state.status !== 'running') return { code: 'fenced', state };
  if (state.cancelBy) return { code: 'cancel_requested', state };
  const endBy = state.endBy + (state.paused ? now - state.paused.at : 0);
  const next: RecordState = {
    ...state,
    status: 'queued',
    fence: fence + 1,
    deadline: state.notBefore ? endBy - state.job.totalMs : Math.min(now + DEFAULT_TIMEOUTS.queueMs, endBy),
    endBy,
    attempts: state.attempts - (hasBegun ? 0 : 1),
    paused: undefined,
  };
  return { code: 'ok', state: next };
}

export function cancelJob(
  state: RecordState,
  by: string,
  now: number,
): { code: 'cancelled' | 'requested' | 'terminal'; state: RecordState } {
  if (isTerminal(state.status)) return { code: 'terminal', state };
  if (state.status === 'running')
    return { code: 'requested', state: { ...state, cancelBy: state.cancelBy ?? by } };
  const raised: RecordState = { ...state, fence: state.fence + 1, cancelBy: by };
  const status: TerminalStatus = 'cancelled';
  const body = JSON.stringify({ type: 'cancelled', by, partial: state.hasOutput });
  return { code: 'cancelled', state: { ...withBatch(raised, [body], now), status, endedAt: now } };
}

export function wishPause(
  state: RecordState,
  pauseWish: boolean,
): { code: 'recorded' | 'terminal'; state: RecordState } {
  if (isTerminal(state.status)) return { code: 'terminal', state };
  return { code: 'recorded', state: { ...state, pauseWish } };
}

function withBatch(state: RecordState, texts: string[], now: number): RecordState {
  const { jobId, epoch } = state.job;
  const firstSeq = lastSeqOf(state) + 1;
  const batch: StoredBatch = {
    ...{ jobId, epoch, firstSeq, lastSeq: firstSeq + texts.length - 1, attempt: state.fence, time: now },
    bodies: Buffer.from(texts.join('\n')),
  };
  return { ...state, batches: [...state.batches, batch] };
}

/** Adds notes of listeners, or replaces them by their id; the oldest of those that have stopped make room. */
export function noteListeners(state: RecordState, notes: readonly ListenerNote[]): RecordState {
  const byId = new Map([...state.listeners, ...notes].map((note) => [note.id, note]));
  const all = [...byId.values()];
  const excess = Math.max(0, all.length - MAX_LISTENER_NOTES);
  const watching = all.filter(({ watches }) => watches);
  const stopped = all.filter(({ state: now }) => now !== 'listening');
  const gone = new Set([...new Set([...watching, ...stopped, ...all])].slice(0, excess));
  return {
    ...state,
    listeners: all.filter((note) => !gone.has(note)),
    moreListeners: state.moreListeners + excess,
  };
}
