/**
 * The SDK: one connection, any number of jobs. Every promise and iterator ends: with the job's terminal event, an
 * answer, or a `ClientError`. A lost connection comes back, and every job goes on where it stood.
 */
import type { ExecuteParams } from '@cc-executor/protocol/plain';
import { fetchBody } from './body.ts';
import { type ClientLogger, type ClientState, type Connected, createConnection } from './connection.ts';
import { createDeferred } from './deferred.ts';
import { ClientError } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { type Control, createJobHandle, type JobHandle, type JobHost } from './job-handle.ts';
import { DEFAULT_RECONNECT, type ReconnectPolicy } from './reconnect.ts';
import type { Params, Result } from './requests.ts';
import type { WebSocketConstructor } from './socket.ts';
import { createSubscription, type Listener, type Subscription } from './subscription.ts';

export type ClientOptions = {
  /** The gateway's native door, such as `ws://127.0.0.1:8003/ws`. */
  url: string;
  /** Default: the global one. */
  WebSocket?: WebSocketConstructor;
  /** For opening a connection, in ms. Default 10 s. */
  connectTimeoutMs?: number;
  /** For the answer to a request, from when it is sent, in ms. Default 15 s. */
  requestTimeoutMs?: number;
  reconnect?: Partial<ReconnectPolicy>;
  /** How long events that a heartbeat names may take to come before the log is read again, in ms. Default 1 s. */
  tailGraceMs?: number;
  /** How much may wait in one iterator before it reads from the log instead, in UTF-16 units. Default 1 Mi. */
  maxQueueSize?: number;
  logger?: ClientLogger;
};

export type ClientEvents = {
  state: ClientState;
  /** The gateway cannot read its log ('degraded': events may be late, none is lost), or can again. */
  health: 'degraded' | 'restored';
};

export type Client = {
  readonly state: ClientState;
  /**
   * Connects; tries once. Later losses are mended without being asked. Requests connect by themselves.
   * Errors: `connect_failed`, `protocol_violation`, `connection_closed`.
   */
  connect(): Promise<Connected>;
  /**
   * Starts a job; resolves when it is accepted. An idempotency key is made when none is given, so that a request
   * whose answer was lost is sent again without running twice. With `attach: false` nothing is listened to until
   * `events()` or `done()` is called. Errors: the gateway's, `request_timeout`, `connect_failed`.
   */
  execute(params: ExecuteParams): Promise<JobHandle>;
  /** Starts a job that asks for what an earlier one did. Errors: as of `execute`, and `job_not_found`. */
  rerun(jobId: string, options?: Omit<Params<'rerun'>, 'jobId'>): Promise<JobHandle>;
  /**
   * Listens to a job, also to a finished one. `epoch` says which log `afterSeq` belongs to.
   * Errors: `job_not_found`, `epoch_mismatch`, `position_ahead`, `too_many_attachments`, …
   */
  attach(jobId: string, options?: { afterSeq?: number; epoch?: string }): Promise<JobHandle>;
  cancel(jobId: string): Promise<Result<'cancel'>>;
  /** Has a job stand still, or go on. `accepted` says that the wish is recorded; the job's events say when it is so. */
  pause(jobId: string): Promise<Result<'pause'>>;
  resume(jobId: string): Promise<Result<'resume'>>;
  get(jobId: string): Promise<Result<'get'>>;
  list(params?: Params<'list'>): Promise<Result<'list'>>;
  /** Cancels the unfinished jobs of a status or a time, a page at a time: while there is a `cursor`, ask again with it. */
  cancelMany(params: Params<'cancelMany'>): Promise<Result<'cancelMany'>>;
  /**
   * The whole message of an event that holds a shortened one (`truncated`), checked against its digest. It may have many
   * megabytes. Errors: `body_not_found` (nothing was cut, or it was not kept), `job_not_found`, `protocol_violation`, …
   */
  eventBody(jobId: string, seq: number): Promise<Record<string, unknown>>;
  /**
   * Checks an ended job: its log against its digest, and that against Claude's own transcript. May take 10 s.
   * Errors: `job_not_found`, `unavailable`, …
   */
  verify(jobId: string): Promise<Result<'verify'>>;
  /** Counts of a batch's lines by what became of them. Batches are submitted over HTTP. Errors: `batch_not_found`, … */
  getBatch(batchId: string): Promise<Result<'getBatch'>>;
  /** What became of each line, in order, a page at a time: while there is an `afterLine`, ask again with it. */
  batchResults(params: Params<'batchResults'>): Promise<Result<'batchResults'>>;
  /** Cancels the unfinished jobs of a batch, and those that it may still get. */
  cancelBatch(batchId: string): Promise<Result<'cancelBatch'>>;
  /** Calls the listener at each change; returns what takes it off again. */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void;
  /** Ends everything that waits with `connection_closed`. Jobs go on. Idempotent. */
  close(): Promise<void>;
};

export function createClient(options: ClientOptions): Client {
  const subscriptions = new Map<string, Subscription>();
  const listeners: { [E in keyof ClientEvents]: Set<(value: ClientEvents[E]) => void> } = {
    state: new Set(),
    health: new Set(),
  };
  const reconnect = { ...DEFAULT_RECONNECT, ...options.reconnect };
  let closedWith: ClientError | undefined;

  const connection = createConnection({
    url: options.url,
    WebSocket: options.WebSocket ?? globalWebSocket(),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
    reconnect,
    logger: options.logger,
    onState: (state) => tell(listeners.state, state),
    onConnected: () => forEachSubscription((subscription) => subscription.wake()),
    onLost: () => forEachSubscription((subscription) => subscription.connectionLost()),
    onClosed(error) {
      closedWith = error;
      forEachSubscription((subscription) => subscription.fail(error));
      subscriptions.clear();
    },
    onNotification: receive,
  });

  function forEachSubscription(action: (subscription: Subscription) => void): void {
    for (const subscription of [...subscriptions.values()]) action(subscription);
  }

  function tell<T>(told: Set<(value: T) => void>, value: T): void {
    for (const listener of told) {
      // Later, so that a listener that throws does not break the connection in the middle of a change.
      queueMicrotask(() => listener(value));
    }
  }

  function receive(frame: ServerFrame, size: number): void {
    if (frame.kind === 'events') {
      const share = size / frame.events.length;
      for (const event of frame.events) subscriptions.get(event.jobId)?.receive(event, share);
    } else if (frame.kind === 'heartbeat') {
      for (const { jobId, seq } of frame.params.jobs) subscriptions.get(jobId)?.hear(seq);
    } else if (frame.kind === 'job_lost') {
      const error = new ClientError('job_lost', `The job is lost: ${frame.params.reason}.`);
      subscriptions.get(frame.params.jobId)?.fail(error);
    } else if (frame.kind === 'degraded' || frame.kind === 'restored') {
      tell(listeners.health, frame.kind);
    }
  }

  function subscribe(jobId: string, epoch: string | undefined): Subscription {
    const present = subscriptions.get(jobId);
    if (present) return present;
    const subscription = createSubscription({
      jobId,
      epoch,
      connection,
      retry: reconnect,
      tailGraceMs: options.tailGraceMs ?? 1_000,
      onIdle() {
        if (subscriptions.get(jobId) === subscription) subscriptions.delete(jobId);
      },
    });
    subscriptions.set(jobId, subscription);
    return subscription;
  }

  async function join(jobId: string, joiners: Listener[], epoch?: string) {
    if (closedWith) throw closedWith;
    return subscribe(jobId, epoch).join(joiners, epoch);
  }

  function control(method: Control, jobId: string): Promise<Result<Control>> {
    return connection.request(method, { jobId }, { resend: true });
  }

  const host: JobHost = {
    join,
    leave: (jobId, leavers) => subscriptions.get(jobId)?.leave(leavers),
    control,
    maxQueueSize: options.maxQueueSize ?? 1_048_576,
    onMismatch: (jobId) =>
      options.logger?.warn({ jobId }, 'the text that arrived is not what its digest says'),
  };

  async function start<M extends 'execute' | 'rerun'>(method: M, params: Params<M>): Promise<JobHandle> {
    const { promise, resolve } = createDeferred<JobHandle>();
    await connection.request(
      method,
      { ...params, batches: true },
      {
        resend: true,
        onResult({ jobId, epoch, status, created }) {
          const job = createJobHandle(host, { jobId, afterSeq: 0, created });
          const isListening = params.attach !== false;
          job.attached(epoch, status, isListening);
          if (isListening) subscribe(jobId, epoch).adopt(job.listeners, { epoch, status });
          resolve(job.handle);
        },
      },
    );
    return promise;
  }

  async function startKeyed<M extends 'execute' | 'rerun'>(method: M, params: Params<M>): Promise<JobHandle> {
    const idempotencyKey = params.idempotencyKey ?? randomKey();
    const keyed = { ...params, idempotencyKey };
    try {
      return await start(method, keyed);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The key names a job that this connection listens to already: take it from there.
      if (error.code === 'already_attached') return start(method, { ...keyed, attach: false });
      throw new ClientError(error.code, error.message, { ...error, idempotencyKey });
    }
  }

  return {
    get state() {
      return connection.state;
    },
    connect: connection.connect,
    execute: (params) => startKeyed('execute', params),
    rerun: (jobId, rerunOptions) => startKeyed('rerun', { ...rerunOptions, jobId }),
    async attach(jobId, { afterSeq = 0, epoch } = {}) {
      await connection.connect();
      const job = createJobHandle(host, { jobId, afterSeq, created: undefined });
      const attached = await join(jobId, job.listeners, epoch);
      job.attached(attached.epoch, attached.status, true);
      return job.handle;
    },
    cancel: (jobId) => control('cancel', jobId),
    pause: (jobId) => control('pause', jobId),
    resume: (jobId) => control('resume', jobId),
    get: (jobId) => connection.request('get', { jobId }, { resend: true }),
    eventBody: (jobId, seq) =>
      fetchBody((offset) => connection.request('eventBody', { jobId, seq, offset }, { resend: true })),
    verify: (jobId) => connection.request('verify', { jobId }, { resend: true }),
    list: (params = {}) => connection.request('list', params, { resend: true }),
    cancelMany: (params) => connection.request('cancelMany', params, { resend: true }),
    getBatch: (batchId) => connection.request('getBatch', { batchId }, { resend: true }),
    batchResults: (params) => connection.request('batchResults', params, { resend: true }),
    cancelBatch: (batchId) => connection.request('cancelBatch', { batchId }, { resend: true }),
    on(event, listener) {
      const told = listeners[event];
      told.add(listener);
      return () => told.delete(listener);
    },
    close: connection.close,
  };
}

function globalWebSocket(): WebSocketConstructor {
  if (typeof WebSocket === 'undefined') {
    throw new TypeError('There is no global WebSocket here: pass a constructor as `WebSocket`.');
  }
  return WebSocket;
}

/** 128 random bits; `crypto.randomUUID` is missing in browsers on plain http. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `sdk-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
