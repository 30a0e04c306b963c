/**
 * The SDK: one connection, any number of jobs. Every promise and iterator ends: with the job's terminal event, an
 * answer, or a `ClientError`. A lost connection comes back, and every job goes on where it stood.
 */
import type { ExecuteParams } from '@cc-executor/protocol/plain';
import { abortable, type CallOptions } from './abort.ts';
import { fetchBody } from './body.ts';
import { toHex } from './bytes.ts';
import { type ClientLogger, type ClientState, type Connected, createConnection } from './connection.ts';
import { type Conversation, createConversation } from './conversation.ts';
import { createDeferred } from './deferred.ts';
import { ClientError } from './errors.ts';
import { fetchFile } from './file.ts';
import type { ServerFrame } from './frames.ts';
import { createJobHandle, type JobHandle, type JobHost } from './job-handle.ts';
import { DEFAULT_RECONNECT, type ReconnectPolicy } from './reconnect.ts';
import type { Method, Params, Result } from './requests.ts';
import { createSnapshots } from './snapshots.ts';
import type { WebSocketConstructor } from './socket.ts';
import {
  isStandardSchema,
  jsonSchemaOf,
  type OutputOf,
  type OutputSchema,
  type StandardSchema,
} from './standard-schema.ts';
import { createSubscription, type Listener, type Subscription } from './subscription.ts';
import type { TokenSource } from './ticket.ts';
import { createTransport, type Transport } from './transport.ts';

export type ClientOptions = {
  /** The gateway's address: `ws://127.0.0.1:8003/ws`, or `http://127.0.0.1:8003`. */
  url: string;
  /** Default `auto`: over WebSocket, and over HTTP where that does not come to stand, or where there is none. */
  transport?: Transport;
  /**
   * Who this is, where the gateway asks: a token, which is exchanged for a ticket for each WebSocket, or a ticket. A function
   * is asked anew each time, so that what has expired is replaced.
   */
  token?: TokenSource;
  /** Default: the global one. */
  WebSocket?: WebSocketConstructor;
  /** For HTTP. Default: the global one. */
  fetch?: typeof fetch;
  /** For opening a connection, in ms. Default 10 s. */
  connectTimeoutMs?: number;
  /** For the answer to a request, from when it is sent, in ms. Default 15 s. */
  requestTimeoutMs?: number;
  /** How long requests wait for a lost gateway to come back, in ms. Jobs that are listened to wait on. Default 60 s. */
  offlineTimeoutMs?: number;
  reconnect?: Partial<ReconnectPolicy>;
  /** How long events that a heartbeat names may take to come before the log is read again, in ms. Default 1 s. */
  tailGraceMs?: number;
  /** How much may wait in one iterator before it reads from the log instead, in UTF-16 units. Default 1 Mi. */
  maxQueueSize?: number;
  /** It only looks on: `get` tells it from those who wait for their job. Default false. */
  watch?: boolean;
  logger?: ClientLogger;
};

export type ClientEvents = {
  state: ClientState;
  /** The gateway cannot read its log ('degraded': events may be late, none is lost), or can again. */
  health: 'degraded' | 'restored';
};

/**
 * Every call takes a `signal`, which ends the wait for its answer with the signal's reason. It cancels no job: `cancel` does.
 */
export type Client = {
  readonly state: ClientState;
  /**
   * Connects; tries once. Later losses are mended without being asked, for as long as a job is listened to. Requests
   * connect by themselves. Errors: `connect_failed`, `protocol_violation`, `connection_closed`.
   */
  connect(call?: CallOptions): Promise<Connected>;
  /**
   * Starts a job; resolves when it is accepted. An idempotency key is made when none is given, so that a request
   * whose answer was lost is sent again without running twice. With `attach: false` nothing is listened to until
   * `events()` or `done()` is called. Errors: the gateway's, `request_timeout`, `connect_failed`.
   */
  execute<const S extends OutputSchema>(
    params: Omit<ExecuteParams, 'outputSchema'> & { outputSchema?: S | undefined },
    call?: CallOptions,
  ): Promise<JobHandle<OutputOf<S>>>;
  /** A conversation, a new one or the one of an id: `send()` starts its next job. */
  conversation(id?: string): Conversation;
  /** Starts a job that asks for what an earlier one did. Errors: as of `execute`, and `job_not_found`. */
  rerun(jobId: string, options?: RerunOptions): Promise<JobHandle>;
  /**
   * Listens to a job, also to a finished one. `epoch` says which log `afterSeq` belongs to. With `from: 'snapshot'` text and
   * status are those of all events so far, without having been sent them, and the events after that follow.
   * Errors: `job_not_found`, `epoch_mismatch`, `position_ahead`, `too_many_attachments`, …
   */
  attach(
    jobId: string,
    options?: { afterSeq?: number; epoch?: string; from?: 'snapshot' } & CallOptions,
  ): Promise<JobHandle>;
  cancel(jobId: string, call?: CallOptions): Promise<Result<'cancel'>>;
  /** Has a job stand still, or go on. `accepted` says that the wish is recorded; the job's events say when it is so. */
  pause(jobId: string, call?: CallOptions): Promise<Result<'pause'>>;
  resume(jobId: string, call?: CallOptions): Promise<Result<'resume'>>;
  get(jobId: string, call?: CallOptions): Promise<Result<'get'>>;
  list(params?: Params<'list'>, call?: CallOptions): Promise<Result<'list'>>;
  /** How many jobs fit, on all pages of a list together; up to 10,000 are counted. */
  count(params?: Params<'count'>, call?: CallOptions): Promise<Result<'count'>>;
  /** Cancels the unfinished jobs of a status or a time, a page at a time: while there is a `cursor`, ask again with it. */
  cancelMany(params: Params<'cancelMany'>, call?: CallOptions): Promise<Result<'cancelMany'>>;
  /**
   * The whole message of an event that holds a shortened one (`truncated`), checked against its digest. It may have many
   * megabytes. Errors: `body_not_found` (nothing was cut, or it was not kept), `job_not_found`, `protocol_violation`, …
   */
  eventBody(jobId: string, seq: number, call?: CallOptions): Promise<Record<string, unknown>>;
  /** The files of a workspace, or of a folder in it, a page at a time: while there is a `cursor`, ask again with it. */
  listFiles(params: Params<'listFiles'>, call?: CallOptions): Promise<Result<'listFiles'>>;
  /** A whole file of a workspace; a large one is better got over HTTP. Errors: `file_not_found`, `file_changed`, … */
  readFile(workspace: string, path: string, call?: CallOptions): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Checks an ended job: its log against its digest, and that against Claude's own transcript. May take 10 s.
   * Errors: `job_not_found`, `unavailable`, …
   */
  verify(jobId: string, call?: CallOptions): Promise<Result<'verify'>>;
  /** Who this is for the gateway: tenant, scopes, and what may be asked for. */
  me(call?: CallOptions): Promise<Result<'me'>>;
  /** How all of it is, of the last minutes and now. For operators. Errors: `forbidden`, … */
  overview(params?: Params<'overview'>, call?: CallOptions): Promise<Result<'overview'>>;
  /**
   * Has the webhook of an ended job sent again, under its id; how that goes `get` tells.
   * Errors: `delivery_not_found`, `webhooks_off`, `job_not_found`, …
   */
  redeliver(jobId: string, call?: CallOptions): Promise<Result<'redeliver'>>;
  /** Counts of a batch's lines by what became of them. Batches are submitted over HTTP. Errors: `batch_not_found`, … */
  getBatch(batchId: string, call?: CallOptions): Promise<Result<'getBatch'>>;
  /** What became of each line, in order, a page at a time: while there is an `afterLine`, ask again with it. */
  batchResults(params: Params<'batchResults'>, call?: CallOptions): Promise<Result<'batchResults'>>;
  /** Cancels the unfinished jobs of a batch, and those that it may still get. */
  cancelBatch(batchId: string, call?: CallOptions): Promise<Result<'cancelBatch'>>;
  /** Calls the listener at each change; returns what takes it off again. */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void;
  /** Ends everything that waits with `connection_closed`. Jobs go on. Idempotent. */
  close(): Promise<void>;
};

type StartOptions = CallOptions & { schema?: StandardSchema | undefined };
type RerunOptions = Omit<Params<'rerun'>, 'jobId'> & CallOptions;

/** Makes a client. It connects when it is first asked for something. */
export function createClient(options: ClientOptions): Client {
  const subscriptions = new Map<string, Subscription>();
  const listeners: { [E in keyof ClientEvents]: Set<(value: ClientEvents[E]) => void> } = {
    state: new Set(),
    health: new Set(),
  };
  const reconnect = { ...DEFAULT_RECONNECT, ...options.reconnect };

  const connection = createConnection({
    url: options.url,
    open: createTransport({
      url: options.url,
      token: options.token,
      transport: options.transport ?? 'auto',
      WebSocket: options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket,
      fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    }),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 15_000,
    offlineTimeoutMs: options.offlineTimeoutMs ?? 60_000,
    reconnect,
    logger: options.logger,
    onState: (state) => tell(listeners.state, state),
    onConnected: () => forEachSubscription((subscription) => subscription.wake()),
    onLost() {
      snapshots.fail(new ClientError('connection_closed', 'The connection was lost.', { retryable: true }));
      forEachSubscription((subscription) => subscription.connectionLost());
    },
    isNeeded: () => [...subscriptions.values()].some(({ isNeeded }) => isNeeded),
    onEnd(error) {
      snapshots.fail(error);
      forEachSubscription((subscription) => subscription.fail(error));
      subscriptions.clear();
    },
    onNotification: receive,
  });
  const snapshots = createSnapshots(connection);

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
      snapshots.fail(error, frame.params.jobId);
    } else if (frame.kind === 'snapshot') {
      snapshots.receive(frame.params);
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
      watch: options.watch,
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
    if (connection.endedBy) throw connection.endedBy;
    if (connection.state === 'idle') await connection.connect();
    return subscribe(jobId, epoch).join(joiners, epoch);
  }

  /** A request that may be sent again. */
  function ask<M extends Method>(method: M, params: Params<M>, call?: CallOptions): Promise<Result<M>> {
    return connection.request(method, params, { resend: true, signal: call?.signal });
  }

  const host: JobHost = {
    join,
    leave: (jobId, leavers) => subscriptions.get(jobId)?.leave(leavers),
    control: (method, jobId, call) => ask(method, { jobId }, call),
    rerun: (jobId, call) => rerun(jobId, call),
    maxQueueSize: options.maxQueueSize ?? 1_048_576,
    onMismatch: (jobId) =>
      options.logger?.warn({ jobId }, 'the text that arrived is not what its digest says'),
  };

  async function start<M extends 'execute' | 'rerun'>(
    method: M,
    params: Params<M>,
    { signal, schema }: StartOptions,
  ): Promise<JobHandle> {
    const { promise, resolve } = createDeferred<JobHandle>();
    await connection.request(
      method,
      { ...params, batches: true },
      {
        resend: true,
        signal,
        // Nobody is left to listen: the gateway need not send.
        onLate: ({ jobId }) => {
          if (params.attach !== false) ask('detach', { jobId }).catch(() => {});
        },
        onResult({ jobId, epoch, status, created, traceparent }) {
          const job = createJobHandle(host, { jobId, afterSeq: 0, created, traceparent, schema });
          const isListening = params.attach !== false;
          job.attached(epoch, status, isListening);
          if (isListening) subscribe(jobId, epoch).adopt(job.listeners, { epoch, status, afterSeq: 0 });
          resolve(job.handle);
        },
      },
    );
    return promise;
  }

  /** Undefined: this connection listens to the job already, or is about to; all its events give the same. */
  async function attachFromSnapshot(
    jobId: string,
    epoch: string | undefined,
  ): Promise<JobHandle | undefined> {
    if (subscriptions.has(jobId)) return undefined;
    let handle: JobHandle | undefined;
    try {
      await snapshots.attach({ jobId, epoch, watch: options.watch }, (attached, snapshot, seq) => {
        const job = createJobHandle(host, { jobId, afterSeq: seq, created: undefined, snapshot });
        job.attached(attached.epoch, attached.status, true);
        subscribe(jobId, attached.epoch).adopt(job.listeners, { ...attached, afterSeq: seq });
        handle = job.handle;
      });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (error.code === 'already_attached') return undefined;
      if (error.code !== 'connection_closed' || connection.endedBy) throw error;
      await connection.connect();
      return attachFromSnapshot(jobId, epoch);
    }
    return handle;
  }

  async function startKeyed<M extends 'execute' | 'rerun'>(
    method: M,
    params: Params<M>,
    call: StartOptions = {},
  ): Promise<JobHandle> {
    const idempotencyKey = params.idempotencyKey ?? randomKey();
    const keyed = { ...params, idempotencyKey };
    try {
      return await start(method, keyed, call);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The key names a job that this connection listens to already: take it from there.
      if (error.code === 'already_attached') return start(method, { ...keyed, attach: false }, call);
      throw new ClientError(error.code, error.message, { ...error, idempotencyKey });
    }
  }

  async function execute<const S extends OutputSchema>(
    { outputSchema, ...params }: Omit<ExecuteParams, 'outputSchema'> & { outputSchema?: S | undefined },
    call?: CallOptions,
  ): Promise<JobHandle<OutputOf<S>>> {
    const schema = isStandardSchema(outputSchema) ? outputSchema : undefined;
    const asked = schema ? jsonSchemaOf(schema) : (outputSchema as ExecuteParams['outputSchema']);
    const given = asked === undefined ? params : { ...params, outputSchema: asked };
    const job = await startKeyed('execute', given, { ...call, schema });
    return job as JobHandle<OutputOf<S>>;
  }

  function rerun(jobId: string, { signal, ...params }: RerunOptions = {}): Promise<JobHandle> {
    return startKeyed('rerun', { ...params, jobId }, { signal });
  }

  return {
    get state() {
      return connection.state;
    },
    connect: connection.connect,
    execute,
    conversation: (id) => createConversation(execute, id),
    rerun,
    async attach(jobId, { afterSeq = 0, epoch, from, signal } = {}) {
      await connection.connect({ signal });
      if (from) {
        const attaching = attachFromSnapshot(jobId, epoch);
        const detach = () => {
          attaching.then((handle) => handle?.detach()).catch(() => {});
        };
        const handle = await abortable(signal, attaching, detach);
        if (handle) return handle;
      }
      const job = createJobHandle(host, { jobId, afterSeq, created: undefined });
      const leave = () => host.leave(jobId, job.listeners);
      const attached = await abortable(signal, join(jobId, job.listeners, epoch), leave);
      job.attached(attached.epoch, attached.status, true);
      return job.handle;
    },
    cancel: (jobId, call) => ask('cancel', { jobId }, call),
    pause: (jobId, call) => ask('pause', { jobId }, call),
    resume: (jobId, call) => ask('resume', { jobId }, call),
    get: (jobId, call) => ask('get', { jobId }, call),
    eventBody: (jobId, seq, call) => fetchBody((offset) => ask('eventBody', { jobId, seq, offset }, call)),
    listFiles: (params, call) => ask('listFiles', params, call),
    readFile: (workspace, path, call) => fetchFile((at) => ask('readFile', { workspace, path, ...at }, call)),
    count: (params = {}, call) => ask('count', params, call),
    me: (call) => ask('me', {}, call),
    overview: (params = {}, call) => ask('overview', params, call),
    verify: (jobId, call) => ask('verify', { jobId }, call),
    redeliver: (jobId, call) => ask('redeliver', { jobId }, call),
    list: (params = {}, call) => ask('list', params, call),
    cancelMany: (params, call) => ask('cancelMany', params, call),
    getBatch: (batchId, call) => ask('getBatch', { batchId }, call),
    batchResults: (params, call) => ask('batchResults', params, call),
    cancelBatch: (batchId, call) => ask('cancelBatch', { batchId }, call),
    on(event, listener) {
      const told = listeners[event];
      told.add(listener);
      return () => told.delete(listener);
    },
    close: connection.close,
  };
}

/** 128 random bits; `crypto.randomUUID` is missing in browsers on plain http. */
function randomKey(): string {
  return `sdk-${toHex(crypto.getRandomValues(new Uint8Array(16)))}`;
}
