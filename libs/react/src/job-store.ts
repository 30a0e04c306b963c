/**
 * One job as a page shows it, apart from React: followed while somebody subscribes, from where it stood.
 * Invariants: what is asked for is started once, however often it is followed, because its idempotency key is kept before it
 * is sent; nobody is told more than once a frame, and nobody who has left.
 */
import { type Client, ClientError, type ExecuteParams, type JobStatus } from '@cc-executor/client';
import { createJobFold, type JobView } from './job-fold.ts';
import type { Keeper } from './keeper.ts';

/** An accepted job, or one to be asked for. */
export type JobSource = { jobId: string } | { params: ExecuteParams & { idempotencyKey: string } };

export type JobState = Omit<JobView, 'status'> & {
  jobId: string | undefined;
  /** `idle`: there is none. `pending`: nothing is known of it yet. */
  status: 'idle' | 'pending' | JobStatus;
  /** What went wrong last. One that is `retryable` is being mended; any other means that no more will come. */
  error: Error | undefined;
};

export type JobStore = {
  subscribe(listener: () => void): () => void;
  getState(): JobState;
  /** Shows this job from now on; none without a source. */
  show(source: JobSource | undefined): void;
  /** What was kept by an earlier page. */
  kept(): JobSource | undefined;
  /** Asks for its cancellation, also when it is not accepted yet. Errors are shown. */
  stop(): void;
  /** Asks for a pause, or for its end. */
  control(method: 'pause' | 'resume'): void;
};

export const IDLE: JobState = {
  ...{ jobId: undefined, status: 'idle', text: '', tools: [], isPaused: false, end: undefined },
  error: undefined,
};

const FRAME_MS = 16;
const AGAIN_MS = 1_000;

export function createJobStore(client: Client, keeper: Keeper<JobSource>): JobStore {
  const listeners = new Set<() => void>();
  let source: JobSource | undefined;
  let fold = createJobFold();
  let epoch: string | undefined;
  let error: Error | undefined;
  let isStopWanted = false;
  let state = IDLE;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let following: AbortController | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    const view = fold.view();
    const jobId = source && 'jobId' in source ? source.jobId : undefined;
    state = source ? { ...view, jobId, status: view.status ?? 'pending', error } : IDLE;
    for (const listener of [...listeners]) listener();
  }

  function changed(): void {
    timer ??= setTimeout(tell, FRAME_MS);
  }

  function fail(reason: unknown): void {
    error = reason instanceof Error ? reason : new Error(String(reason));
    changed();
  }

  function follow(): void {
    if (following || source === undefined || listeners.size === 0 || state.end) return;
    following = new AbortController();
    void run(following.signal);
  }

  function leave(): void {
    following?.abort();
    following = undefined;
  }

  /** Until the job's end, an error that does not pass, or `leave`. */
  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await listen(signal);
        return;
      } catch (reason) {
        if (signal.aborted) return;
        fail(reason);
        if (!(reason instanceof ClientError)) return;
        // A page that is loaded next need not look for it.
        if (reason.code === 'job_not_found') keeper.write(undefined);
        if (!reason.retryable) return;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async function listen(signal: AbortSignal): Promise<void> {
    const job = await open(signal);
    signal.addEventListener('abort', () => job.detach());
    if (signal.aborted) return job.detach();
    source = { jobId: job.jobId };
    epoch = job.epoch;
    error = undefined;
    keeper.write(source);
    if (isStopWanted) stop();
    changed();
    for await (const event of job.events()) {
      if (signal.aborted) return;
      fold.take(event);
      changed();
    }
  }

  function open(signal: AbortSignal) {
    if (source && 'params' in source) return client.execute(source.params, { signal });
    const jobId = source?.jobId ?? '';
    return client.attach(jobId, { afterSeq: fold.lastSeq, ...(epoch !== undefined && { epoch }), signal });
  }

  function stop(): void {
    isStopWanted = true;
    if (source && 'jobId' in source) client.cancel(source.jobId).catch(fail);
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      follow();
      return () => {
        listeners.delete(listener);
        // Strict Mode, and a move within the tree, leave and come back in the same turn.
        setTimeout(() => {
          if (listeners.size === 0) leave();
        }, 0);
      };
    },
    getState: () => state,
    show(next) {
      leave();
      source = next;
      fold = createJobFold();
      epoch = undefined;
      error = undefined;
      isStopWanted = false;
      keeper.write(source);
      tell();
      follow();
    },
    kept: keeper.read,
    stop,
    control(method) {
      if (source && 'jobId' in source) client[method](source.jobId).catch(fail);
    },
  };
}

/** What is asked for, with a key under which it runs once. */
export function keyed(params: ExecuteParams): JobSource {
  const random = crypto.getRandomValues(new Uint32Array(4));
  return { params: { ...params, idempotencyKey: params.idempotencyKey ?? `react-${random.join('-')}` } };
}
