/** The job log in memory: the twin of the one in Redis; the suite in libs/job-log/test runs over both. Its rules are in memory-state.ts. */
import {
  everyTenant,
  isAskedFor,
  type JobFeed,
  type ListFilter,
  type NewJob,
  type OwnedJob,
  type Position,
  type Publication,
  pageOf,
  type Reach,
  type Reservation,
  type StoredBatch,
  type Wishes,
} from '@cc-executor/job-log';
import { eventTexts, isTerminal } from '@cc-executor/protocol';
import {
  appendBatch,
  beginAttempt,
  cancelJob,
  createRecord,
  lastSeqOf,
  noteListeners,
  type RecordState,
  releaseJob,
  remainingMsOf,
  renewLease,
  wishesOf,
  wishPause,
} from './memory-state.ts';
import type { WholeLog } from './whole-log.ts';

/** A page of a list ends with the job whose title and metadata reach this. */
const PAGE_TEXT_BYTES = 128 * 1024;

const noWishes: Wishes = { cancelBy: undefined, pauseWish: false };

/** The parts of the twin share their memory. */
export function createMemoryJobLog({
  now = Date.now,
  retentionMs = Number.POSITIVE_INFINITY,
}: {
  now?: () => number;
  retentionMs?: number;
} = {}): {
  log: WholeLog;
  feed: JobFeed;
  countListeners(jobId: string): Promise<number>;
} {
  const records = new Map<string, RecordState>();
  const reserved = new Map<string, Reservation & { since: number }>();
  const windowMs = Math.min(30_000, retentionMs / 2);
  const listeners = new Map<string, Set<(publication: Publication) => void>>();

  /** An ended job is gone when its retention has passed. */
  function recordAt(jobId: string): RecordState | undefined {
    const { endedAt = Number.POSITIVE_INFINITY } = records.get(jobId) ?? {};
    if (endedAt + retentionMs <= now()) records.delete(jobId);
    return records.get(jobId);
  }

  /** Of its own tenant only: the job of another is missing. */
  function recordOf(tenant: string, jobId: string): RecordState | undefined {
    const record = recordAt(jobId);
    return record?.job.tenant === tenant ? record : undefined;
  }

  /** The newest first, of a conversation where one is named. */
  function jobsOf(reach: Reach, { conversation }: Pick<ListFilter, 'conversation'>): OwnedJob[] {
    return [...records.keys()]
      .flatMap((jobId) => recordAt(jobId) ?? [])
      .filter((state) => reach === everyTenant || state.job.tenant === reach)
      .filter(
        ({ job: { spec }, ending }) =>
          !conversation || [spec.conversation, ending?.conversation].includes(conversation),
      )
      .map(jobOfState)
      .sort((a, b) => b.createdAt - a.createdAt || (a.jobId < b.jobId ? 1 : -1));
  }

  function store(jobId: string, before: RecordState | undefined, after: RecordState): void {
    records.set(jobId, after);
    for (const batch of after.batches.slice(before?.batches.length ?? 0)) {
      const publication = { ...positionOf(after), lastSeq: batch.lastSeq, batch };
      for (const listener of listeners.get(jobId) ?? []) listener(publication);
    }
  }

  const log: WholeLog = {
    async reserve(tenant, idempotencyKey, jobId, hash) {
      const key = `${tenant} ${idempotencyKey}`;
      const held = reserved.get(key);
      const isOpen = held && now() - held.since < windowMs;
      // Its job is there, or is being created with another payload.
      if (held && (recordAt(held.jobId) || (isOpen && held.hash !== hash))) return held;
      const owner = held && isOpen ? held.jobId : jobId;
      const since = now();
      const given = { jobId: owner, hash, keyHash: key, since, createBefore: since + windowMs / 2 };
      reserved.set(key, given);
      return given;
    },
    async create(job: NewJob, onSent) {
      const held = recordAt(job.jobId);
      if (held) {
        return { created: held.job.epoch === job.epoch, epoch: held.job.epoch, status: held.status };
      }
      store(job.jobId, undefined, createRecord(job, now()));
      onSent?.();
      return { created: true, epoch: job.epoch, status: 'queued' };
    },
    async createReserved(job, { createBefore }, onSent) {
      return recordAt(job.jobId) || now() <= createBefore ? log.create(job, onSent) : undefined;
    },
    async enqueued() {
      // Memory has no index of what is to be looked at.
    },
    async begin(jobId, leaseMs, owner) {
      const before = recordAt(jobId);
      if (!before) return { code: 'missing' };
      const { code, state } = beginAttempt(before, leaseMs, owner, now());
      if (code === 'held' || code === 'terminal') return { code };
      store(jobId, before, state);
      const { fence, job, hasOutput, pauseWish } = state;
      const { metadata: _shownInLists, webhook: _told, ...spec } = job.spec;
      return {
        code,
        attempt: {
          fence,
          lastSeq: lastSeqOf(state),
          epoch: job.epoch,
          spec,
          remainingMs: remainingMsOf(state, now()),
          takeBy: state.endBy - job.totalMs,
          tenant: job.tenant,
          attempts: state.attempts,
          queuedMs: state.begunAt - state.createdAt,
          hasOutput,
          pauseWish,
          bodyBytes: state.kept.reduce((sum, { bytes }) => sum + bytes, 0),
        },
      };
    },
    async append(batch) {
      const before = recordAt(batch.jobId);
      if (!before) return { code: 'missing', lastSeq: 0, logBytes: 0, ...noWishes };
      const { outcome, state } = appendBatch(before, batch, now());
      store(batch.jobId, before, state);
      return outcome;
    },
    async renew(jobId, fence, leaseMs) {
      const before = recordAt(jobId);
      if (!before) return { code: 'missing', ...noWishes };
      const { code, state } = renewLease(before, fence, leaseMs, now());
      store(jobId, before, state);
      return { code, ...(code === 'ok' ? wishesOf(state) : noWishes) };
    },
    async release(jobId, fence, hasBegun) {
      const before = recordAt(jobId);
      if (!before) return 'missing';
      const { code, state } = releaseJob(before, { fence, hasBegun }, now());
      store(jobId, before, state);
      return code;
    },
    async cancel(tenant, jobId, by) {
      const before = recordOf(tenant, jobId);
      if (!before) return { code: 'missing' };
      const { code, state } = cancelJob(before, by, now());
      store(jobId, before, state);
      return { code, status: state.status };
    },
    async setPauseWish(tenant, jobId, wish) {
      const before = recordOf(tenant, jobId);
      if (!before) return { code: 'missing' };
      const { code, state } = wishPause(before, wish);
      store(jobId, before, state);
      return { code, status: state.status };
    },
    async range(tenant, jobId, { afterSeq, maxEvents, maxBytes, headBytes = 0 }) {
      const state = recordOf(tenant, jobId);
      if (!state) return undefined;
      const batches: StoredBatch[] = [];
      let events = 0;
      let bytes = 0;
      for (const batch of state.batches) {
        const texts = batch.bodies.toString().split('\n');
        const from = Math.max(afterSeq + 1 - batch.firstSeq, 0);
        let to = from;
        while (to < texts.length && events < maxEvents) {
          const size = Buffer.byteLength(texts[to] ?? '') + headBytes;
          if (events > 0 && bytes + size > maxBytes) break;
          bytes += size;
          events += 1;
          to += 1;
        }
        if (to > from) {
          const part = { firstSeq: batch.firstSeq + from, lastSeq: batch.firstSeq + to - 1 };
          batches.push({ ...batch, ...part, bodies: Buffer.from(texts.slice(from, to).join('\n')) });
        }
        if (to < texts.length) break;
      }
      return { ...positionOf(state), batches };
    },
    async positions(tenant, jobIds) {
      const found = new Map<string, Position>();
      for (const jobId of jobIds) {
        const state = recordOf(tenant, jobId);
        if (!state) continue;
        found.set(jobId, positionOf(state));
      }
      return found;
    },
    async get(tenant, jobId) {
      const state = recordOf(tenant, jobId);
      if (!state) return undefined;
      return {
        job: jobOfState(state),
        mayBeAbandoned: state.job.spec.onDisconnect === 'cancel',
        terminalEvent: isTerminal(state.status)
          ? state.batches.slice(-1).flatMap(eventTexts).at(-1)
          : undefined,
        listeners: [...state.listeners],
        moreListeners: state.moreListeners,
      };
    },
    async noteListeners(tenant, jobId, notes) {
      const before = recordOf(tenant, jobId);
      if (before) records.set(jobId, noteListeners(before, notes));
    },
    async spec(tenant, jobId) {
      return recordOf(tenant, jobId)?.job.spec;
    },
    async body(tenant, jobId, { seq, offset }) {
      const state = recordOf(tenant, jobId);
      if (!state) return undefined;
      const kept = state.kept.find((body) => body.seq === seq);
      if (!kept) return pageOf(undefined, undefined);
      let begin = 0;
      const page = kept.pages.find((text) => {
        if (begin === offset) return true;
        begin += Buffer.byteLength(text);
        return false;
      });
      return pageOf(`${kept.bytes} ${kept.sha256}`, page);
    },
    async ownerOf(jobId) {
      return recordAt(jobId)?.job.tenant;
    },
    async count(reach, filter) {
      const jobs = jobsOf(reach, filter).filter((job) => isAskedFor(job, filter));
      return { jobs: jobs.length, hasMore: false };
    },
    async list(reach, { limit, cursor, ...filter }) {
      const all = jobsOf(reach, filter);
      const start = cursor === undefined ? 0 : all.findIndex((job) => cursorOf(job) === cursor) + 1;
      const matching = all.slice(start).filter((job) => isAskedFor(job, filter));
      const jobs: OwnedJob[] = [];
      let bytes = 0;
      for (const job of matching) {
        jobs.push(job);
        for (const part of [job.metadata, job.title]) bytes += Buffer.byteLength(JSON.stringify(part) ?? '');
        if (jobs.length === limit || bytes >= PAGE_TEXT_BYTES) return { jobs, cursor: cursorOf(job) };
      }
      return { jobs, cursor: undefined };
    },
  };

  const feed: JobFeed = {
    async subscribe(jobId, listener) {
      const known = listeners.get(jobId) ?? new Set();
      listeners.set(jobId, known.add(listener));
      return () => {
        known.delete(listener);
        if (known.size === 0 && listeners.get(jobId) === known) listeners.delete(jobId);
      };
    },
    onRestored: () => () => {
      // Memory loses no connection.
    },
    async close() {
      listeners.clear();
    },
  };
  return { log, feed, countListeners: async (jobId) => (listeners.has(jobId) ? 1 : 0) };
}

function positionOf(state: RecordState): Position {
  return { epoch: state.job.epoch, lastSeq: lastSeqOf(state), status: state.status };
}

function cursorOf(job: OwnedJob): string {
  return `${job.createdAt}:${job.jobId}`;
}

function jobOfState(state: RecordState): OwnedJob {
  return {
    jobId: state.job.jobId,
    tenant: state.job.tenant,
    epoch: state.job.epoch,
    status: state.status,
    attempt: state.fence,
    lastSeq: lastSeqOf(state),
    cancelRequested: state.cancelBy !== undefined,
    pauseRequested: state.pauseWish,
    createdAt: state.createdAt,
    ...(state.startedAt === undefined ? {} : { startedAt: state.startedAt }),
    ...(state.endedAt === undefined ? {} : { endedAt: state.endedAt }),
    ...(state.paused === undefined || isTerminal(state.status) ? {} : { pausedAt: state.paused.at }),
    ...(state.notBefore === undefined || state.status !== 'queued' ? {} : { notBefore: state.notBefore }),
    deadlineAt: state.deadline,
    ...(state.job.title === undefined ? {} : { title: state.job.title }),
    ...(state.ending?.costUsd === undefined ? {} : { costUsd: state.ending.costUsd }),
    ...(state.ending?.failure === undefined ? {} : { failure: state.ending.failure }),
    ...(state.job.rerunOf === undefined ? {} : { rerunOf: state.job.rerunOf }),
    ...(state.job.spec.metadata === undefined ? {} : { metadata: state.job.spec.metadata }),
  };
}
