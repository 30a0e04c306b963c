/**
 * A job as its caller holds it: status, text so far, the terminal event, iterators over its events.
 *
 * Which events an iterator gets: all from its start, whenever it is made. The first `events()` takes over a queue
 * that has been filled since the handle was made; every other one, and one that was full, reads from the
 * gateway's log. So nothing is kept here but bounded queues and the text.
 */
import {
  type CompletedEvent,
  changesText,
  type Fold,
  foldedAnswer,
  foldedText,
  foldPieces,
  isTerminal,
  isTerminalEvent,
  type JobEvent,
  type JobStatus,
  type TerminalEvent,
} from '@cc-executor/protocol/plain';
import { abortable, type CallOptions } from './abort.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import { ClientError } from './errors.ts';
import { createEventQueue, type EventQueue } from './event-queue.ts';
import type { Result } from './requests.ts';
import { judge, type StandardSchema } from './standard-schema.ts';
import type { Listener } from './subscription.ts';
import { fitsDigest } from './text-check.ts';

export type JobResult<Output = unknown> = {
  /** Claude's answer: the last text block. */
  text: string;
  /** The answer as an object, where the job has an `outputSchema`. */
  output: Output;
  end: CompletedEvent;
};

/** `Output`: what the job's `outputSchema` gives, where that is a Standard Schema. */
export type JobHandle<Output = unknown> = {
  readonly jobId: string;
  /** Identity of the log; with `lastSeq` it is what another process needs to attach where this one stands. */
  readonly epoch: string;
  /** False: the idempotency key belonged to a job that was there already. Undefined when attached. */
  readonly created: boolean | undefined;
  /** Of the job, where the gateway traces: what is a part of it says so. Undefined when attached. */
  readonly traceparent: string | undefined;
  readonly status: JobStatus;
  /** The last event that has arrived. */
  readonly lastSeq: number;
  /**
   * The events after `afterSeq` (default: where the handle was attached), up to and with the terminal event.
   * Resumes by itself. Leaving the loop ends the iterator only. Throws a `ClientError` if the job's events
   * can no longer be had, and the reason of its `signal`.
   */
  events(options?: { afterSeq?: number } & CallOptions): AsyncIterableIterator<JobEvent>;
  /** The terminal event, whichever it is. Rejects with a `ClientError` if it cannot be had. */
  done(call?: CallOptions): Promise<TerminalEvent>;
  /**
   * What a completed job gives. Errors: `not_completed`, whose `end` says how it ended; `output_invalid` when the output is
   * not of its Standard Schema; those of `done()`.
   */
  result(call?: CallOptions): Promise<JobResult<Output>>;
  /**
   * Whether the text that arrived is what the terminal event's digest says; false: do not use it. Undefined when that
   * cannot be told: not seen from the first event on, no digest, or no WebCrypto here. Rejects as `done()` does.
   */
  digestOk(): Promise<boolean | undefined>;
  /** All text so far, after resets; of a handle that attached later, and not from a snapshot, from there on. */
  text(): string;
  /** The last text block so far: at the end, Claude's answer. */
  answer(): string;
  /** Asks for cancellation. The job ends with its terminal event, which may say otherwise. */
  cancel(call?: CallOptions): Promise<Result<'cancel'>>;
  /**
   * Asks for a pause; the event `paused` says when the job stands still, `pause_refused` that it cannot. One that is
   * queued is paused as soon as it runs.
   */
  pause(call?: CallOptions): Promise<Result<'pause'>>;
  /** Asks for its end. */
  resume(call?: CallOptions): Promise<Result<'resume'>>;
  /** Starts a job that asks for the same once more. */
  rerun(call?: CallOptions): Promise<JobHandle>;
  /** Stops listening; the job goes on. Iterators and `done()` end with `connection_closed`. */
  detach(): void;
};

type Control = 'cancel' | 'pause' | 'resume';

/** What a handle needs of its client. */
export type JobHost = {
  join(jobId: string, listeners: Listener[], epoch: string): Promise<unknown>;
  leave(jobId: string, listeners: Listener[]): void;
  control(method: Control, jobId: string, call?: CallOptions): Promise<Result<Control>>;
  rerun(jobId: string, call?: CallOptions): Promise<JobHandle>;
  maxQueueSize: number;
  /** A job's text is not what its digest says. */
  onMismatch(jobId: string): void;
};

export type JobHandleOptions = {
  jobId: string;
  afterSeq: number;
  created: boolean | undefined;
  traceparent?: string | undefined;
  /** Of the events up to `afterSeq`. */
  snapshot?: Fold;
  /** By which the structured output is judged. */
  schema?: StandardSchema | undefined;
};

export type JobHandleParts = {
  handle: JobHandle;
  /** What must be joined to the job's subscription, in one step with `attached`. */
  listeners: Listener[];
  /** Tells epoch and status; `isListening`: the listeners are joined. */
  attached(epoch: string, status: JobStatus, isListening: boolean): void;
};

export function createJobHandle(host: JobHost, options: JobHandleOptions): JobHandleParts {
  const { jobId, afterSeq, created, schema } = options;
  const tracker = createTracker(options, () => host.onMismatch(jobId));
  const queues = new Set<EventQueue>();
  let epoch = '';
  let isJoined = false;
  let firstQueue: EventQueue | undefined = openQueue(afterSeq);

  function openQueue(startSeq: number): EventQueue {
    const queue = createEventQueue({
      afterSeq: startSeq,
      maxSize: host.maxQueueSize,
      onHungry: () => join([queue]),
      onReturn() {
        queues.delete(queue);
        host.leave(jobId, [queue]);
      },
    });
    queues.add(queue);
    return queue;
  }

  function listeners(): Listener[] {
    return [tracker, ...queues];
  }

  function join(joiners: Listener[]): void {
    isJoined = true;
    host.join(jobId, joiners, epoch).catch((error: ClientError) => {
      for (const listener of joiners) listener.fail(error);
    });
  }

  const handle: JobHandle = {
    jobId,
    created,
    traceparent: options.traceparent,
    get epoch() {
      return epoch;
    },
    get status() {
      return tracker.status;
    },
    get lastSeq() {
      return tracker.lastSeq;
    },
    events({ afterSeq: startSeq = afterSeq, signal } = {}) {
      if (startSeq === afterSeq && firstQueue) {
        const queue = firstQueue;
        firstQueue = undefined;
        if (!isJoined) join(listeners());
        queue.endBy(signal);
        return queue.iterator;
      }
      const queue = openQueue(startSeq);
      queue.endBy(signal);
      if (tracker.detached) queue.fail(tracker.detached);
      else join(isJoined ? [queue] : listeners());
      return queue.iterator;
    },
    done(call) {
      if (!isJoined) join(listeners());
      return abortable(call?.signal, tracker.done());
    },
    async result(call) {
      const end = await handle.done(call);
      if (end.type !== 'completed') throw new ClientError('not_completed', undefined, { jobId, end });
      const { text = handle.answer(), structuredOutput } = end;
      if (!schema) return { text, output: structuredOutput, end };
      // Above 64 K characters the output is in the text alone.
      const output = await judge(schema, structuredOutput ?? parseJson(text));
      return { text, output, end };
    },
    async digestOk() {
      await handle.done();
      return tracker.digestOk();
    },
    text: () => foldedText(tracker.fold()),
    answer: () => foldedAnswer(tracker.fold()),
    cancel: (call) => host.control('cancel', jobId, call),
    pause: (call) => host.control('pause', jobId, call),
    resume: (call) => host.control('resume', jobId, call),
    rerun: (call) => host.rerun(jobId, call),
    detach() {
      isJoined = true;
      tracker.detached ??= new ClientError('connection_closed', 'The job was detached; it goes on.', {
        jobId,
      });
      host.leave(jobId, listeners());
      for (const listener of listeners()) listener.fail(tracker.detached);
    },
  };

  return {
    handle,
    listeners: listeners(),
    attached(attachedEpoch, status, isListening) {
      epoch = attachedEpoch;
      isJoined = isListening;
      tracker.know(status);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Follows a job for as long as its handle lives: status, text, end. */
function createTracker({ afterSeq, snapshot }: JobHandleOptions, onMismatch: () => void) {
  let lastSeq = afterSeq;
  let pieces = snapshot?.pieces ?? [];
  let status: JobStatus = snapshot?.state.status ?? 'queued';
  let unfolded: JobEvent[] = [];
  let end: TerminalEvent | ClientError | undefined;
  let digestOk: Promise<boolean | undefined> = Promise.resolve(undefined);
  let waiting: Deferred<TerminalEvent>[] = [];

  function settle(outcome: TerminalEvent | ClientError): void {
    end = outcome;
    const waited = waiting;
    waiting = [];
    for (const { resolve, reject } of waited) {
      if (outcome instanceof ClientError) reject(outcome);
      else resolve(outcome);
    }
  }

  /** Folded only when asked for: each time costs the whole text. */
  function fold(): Pick<Fold, 'pieces'> {
    if (unfolded.length > 0) pieces = foldPieces(pieces, unfolded);
    unfolded = [];
    return { pieces };
  }

  async function check({ digest }: TerminalEvent): Promise<boolean | undefined> {
    if (digest === undefined || (afterSeq > 0 && !snapshot)) return undefined;
    const fits = await fitsDigest(foldedText(fold()), digest);
    if (fits === false) onMismatch();
    return fits;
  }

  return {
    detached: undefined as ClientError | undefined,
    get lastSeq() {
      return lastSeq;
    },
    get isListening() {
      return end === undefined;
    },
    get status() {
      return status;
    },
    /** What the gateway said when it attached us; events that came first know better. */
    know(attachedStatus: JobStatus) {
      if (status === 'queued' && !isTerminal(attachedStatus)) status = attachedStatus;
    },
    take(event: JobEvent) {
      lastSeq = event.seq;
      if (event.type === 'started') status = 'running';
      else if (changesText(event)) unfolded.push(event);
      else if (isTerminalEvent(event)) {
        status = event.type;
        digestOk = check(event);
        settle(event);
      }
    },
    fail(error: ClientError) {
      if (end === undefined) settle(error);
    },
    fold,
    digestOk: () => digestOk,
    done(): Promise<TerminalEvent> {
      if (end instanceof ClientError) return Promise.reject(end);
      if (end) return Promise.resolve(end);
      const waiter = createDeferred<TerminalEvent>();
      waiting.push(waiter);
      return waiter.promise;
    },
  };
}
