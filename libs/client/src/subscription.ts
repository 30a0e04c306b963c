/**
 * One job's attachment at the gateway, shared by all who listen to the job here. A loop, woken by every change,
 * compares what the listeners need (the position of the one furthest back) with where the attachment stands, and
 * attaches anew whenever that differs: after a reconnect, at a gap, for a listener who begins further back.
 * Invariant: every listener sees its events in order, without a hole, up to the terminal event or an error.
 */
import { isTerminal, isTerminalEvent, type JobEvent, type JobStatus } from '@cc-executor/protocol/plain';
import type { Connection } from './connection.ts';
import { createDeferred } from './deferred.ts';
import { ClientError, withJob } from './errors.ts';
import { createJobPosition, type JobPosition } from './job-position.ts';
import { createBackoff, type ReconnectPolicy } from './reconnect.ts';

export type Listener = {
  /** The last seq it has; it is given the next ones. */
  readonly lastSeq: number;
  /** It wants events now: neither full nor ended. */
  readonly isListening: boolean;
  take(event: JobEvent, size: number): void;
  fail(error: ClientError): void;
};

type Attached = { epoch: string; status: JobStatus };

export type SubscriptionOptions = {
  jobId: string;
  /** The log that is meant; undefined takes the one that is there. */
  epoch: string | undefined;
  watch?: boolean | undefined;
  connection: Connection;
  retry: ReconnectPolicy;
  /** How long events named by a heartbeat may take to come, in ms. */
  tailGraceMs: number;
  /** Nobody listens, and the gateway knows. */
  onIdle: () => void;
};

export type Subscription = {
  /** Somebody listens. */
  readonly isNeeded: boolean;
  /** Adds listeners; resolves when the gateway serves them. Errors: those of `attach`. */
  join(listeners: Listener[], epoch?: string): Promise<Attached>;
  /** Adds listeners of a job that this connection has just been attached to after `afterSeq`, for them. */
  adopt(listeners: Listener[], attached: Attached & { afterSeq: number }): void;
  leave(listeners: Listener[]): void;
  receive(event: JobEvent, size: number): void;
  hear(seq: number): void;
  /** A connection stands again. */
  wake(): void;
  connectionLost(): void;
  fail(error: ClientError): void;
};

/** So often in a row a log is read again that shows a hole. */
const MAX_REREADS = 20;

type Joining = {
  listeners: Listener[];
  resolve: (attached: Attached) => void;
  reject: (error: ClientError) => void;
};

export function createSubscription(options: SubscriptionOptions): Subscription {
  const { jobId, connection, tailGraceMs } = options;
  const listeners = new Set<Listener>();
  const backoff = createBackoff(options.retry);
  const rereads = createBackoff({
    ...options.retry,
    attempts: Math.min(options.retry.attempts, MAX_REREADS),
  });
  let joining: Joining[] = [];
  let epoch = options.epoch;
  let status: JobStatus = 'queued';
  /** Where the attachment stands; undefined while there is none that we trust. */
  let position: JobPosition | undefined;
  /** The gateway may hold an attachment of ours. */
  let isHeld = false;
  /** The job has ended: begin before its last event, or nothing would ever come. */
  let terminalSeq = Number.POSITIVE_INFINITY;
  let isRunning = false;
  let endPause: (() => void) | undefined;
  let tailTimer: ReturnType<typeof setTimeout> | undefined;

  function wake(): void {
    if (!isRunning) void run();
  }

  async function run(): Promise<void> {
    isRunning = true;
    try {
      while (connection.isReady() && (await step())) {
        // Each step looks at everything anew.
      }
    } finally {
      isRunning = false;
    }
  }

  /** One step towards what the listeners need; false when there is nothing to do. */
  async function step(): Promise<boolean> {
    const needed = neededSeq();
    if (position && needed !== undefined && position.lastSeq <= needed) {
      settleJoining();
      return false;
    }
    if (isHeld) {
      abandon();
      return attempt(async () => {
        await connection.request('detach', { jobId }, { resend: false });
        isHeld = false;
      });
    }
    if (needed === undefined) {
      settleJoining();
      options.onIdle();
      return false;
    }
    return attempt(() => attach(needed));
  }

  async function attach(afterSeq: number): Promise<void> {
    isHeld = true;
    const params = { jobId, afterSeq, batches: true, epoch, watch: options.watch };
    await connection.request('attach', params, {
      resend: false,
      onResult(result) {
        ({ epoch, status } = result);
        if (isTerminal(status)) terminalSeq = result.lastSeq;
        position = createJobPosition(afterSeq);
      },
    });
  }

  /** Runs a request; after a failure that may pass, waits and lets the loop look again. */
  async function attempt(request: () => Promise<void>): Promise<boolean> {
    try {
      await request();
      return true;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The connection went away; its return wakes us.
      if (!connection.isReady()) return false;
      return recover(withJob(error, jobId));
    }
  }

  async function recover(error: ClientError): Promise<boolean> {
    // Left over from an attachment whose answer never came: isHeld is set, so the next step detaches.
    if (error.code !== 'already_attached') {
      isHeld = error.code === 'request_timeout';
      const refused = joining;
      joining = [];
      for (const join of refused) {
        for (const listener of join.listeners) listeners.delete(listener);
        join.reject(error);
      }
      if (!error.retryable) fail(error);
    }
    if (neededSeq() === undefined) return true;
    return waitForRetry(error);
  }

  async function waitForRetry(error: ClientError): Promise<boolean> {
    const delayMs = backoff.next();
    if (delayMs === undefined) {
      fail(error);
      return true;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(delayMs, error.retryAfterMs ?? 0));
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return true;
  }

  function neededSeq(): number | undefined {
    let needed: number | undefined;
    for (const listener of listeners) {
      if (!listener.isListening) continue;
      const seq = Math.min(listener.lastSeq, terminalSeq - 1);
      if (needed === undefined || seq < needed) needed = seq;
    }
    return needed;
  }

  function settleJoining(): void {
    const served = joining;
    joining = [];
    for (const join of served) join.resolve({ epoch: epoch ?? '', status });
  }

  /** Trusts the attachment no more; the loop makes a new one. */
  function abandon(): void {
    position = undefined;
    clearTimeout(tailTimer);
    tailTimer = undefined;
  }

  function offer(listener: Listener, event: JobEvent, size: number): void {
    if (!listener.isListening) return;
    if (event.seq === listener.lastSeq + 1) listener.take(event, size);
    else if (isTerminalEvent(event) && event.seq === listener.lastSeq) listener.take(event, size);
    else if (isTerminalEvent(event) && event.seq < listener.lastSeq) {
      listener.fail(new ClientError('position_ahead', undefined, { jobId }));
    }
  }

  function checkTail(): void {
    tailTimer = undefined;
    const tail = position?.tail(performance.now(), tailGraceMs);
    if (tail === 'coming') tailTimer = setTimeout(checkTail, tailGraceMs);
    else if (tail === 'lost') attachAnew('events that a heartbeat named never came');
  }

  function attachAnew(why: string): void {
    abandon();
    const error = new ClientError('protocol_violation', `The log could not be read: ${why}.`, { jobId });
    // A log that shows the same hole each time is not read for ever.
    if (rereads.next() === undefined) fail(error);
    wake();
  }

  function fail(error: ClientError): void {
    const failed = [...listeners];
    listeners.clear();
    for (const listener of failed) listener.fail(error);
    endPause?.();
  }

  return {
    get isNeeded() {
      return neededSeq() !== undefined;
    },
    join(joiners, wantedEpoch) {
      if (wantedEpoch !== undefined && epoch !== undefined && wantedEpoch !== epoch) {
        return Promise.reject(new ClientError('epoch_mismatch', undefined, { jobId }));
      }
      epoch ??= wantedEpoch;
      const { promise, resolve, reject } = createDeferred<Attached>();
      for (const listener of joiners) listeners.add(listener);
      joining.push({ listeners: joiners, resolve, reject });
      wake();
      return promise;
    },
    adopt(joiners, attached) {
      for (const listener of joiners) listeners.add(listener);
      if (!position && !isHeld && connection.isReady()) {
        ({ epoch, status } = attached);
        position = createJobPosition(attached.afterSeq);
        isHeld = true;
      }
      wake();
    },
    leave(leavers) {
      for (const listener of leavers) listeners.delete(listener);
      wake();
    },
    receive(event, size) {
      if (!position) return;
      if (event.epoch !== epoch) return fail(new ClientError('epoch_mismatch', undefined, { jobId }));
      const arrival = position.arrive(event.seq);
      if (arrival === 'gap') return attachAnew(`event ${event.seq} came after ${position.lastSeq}`);
      if (arrival === 'duplicate') return;
      backoff.progress();
      rereads.progress();
      connection.progress();
      for (const listener of listeners) offer(listener, event, size);
      if (event.type === 'started') status = 'running';
      if (isTerminalEvent(event)) {
        status = event.type;
        // The gateway ends an attachment with the terminal event.
        terminalSeq = event.seq;
        abandon();
        isHeld = false;
        wake();
      }
    },
    hear(seq) {
      if (position?.hear(seq, performance.now())) tailTimer ??= setTimeout(checkTail, tailGraceMs);
    },
    wake,
    connectionLost() {
      abandon();
      isHeld = false;
    },
    fail(error) {
      const refused = joining;
      joining = [];
      for (const join of refused) join.reject(withJob(error, jobId));
      fail(withJob(error, jobId));
      abandon();
      isHeld = false;
      wake();
    },
  };
}
