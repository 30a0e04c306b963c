/**
 * One connection in the prototype's dialect (`/ws/mcp`): a thin adapter over the same accept and attach. One task at
 * a time; the task's terminal event, whichever it is, becomes its last `statusUpdate`.
 */
import type { Position } from '@cc-executor/job-log';
import {
  type DialectStatus,
  describeIssues,
  dialectControlParamsSchema,
  dialectErrorFrame,
  dialectExecuteParamsSchema,
  dialectStatusOf,
  isTerminalEvent,
  type JobEvent,
  notificationFrame,
  type ProtocolError,
  parseEnvelope,
  type RequestId,
  resultFrame,
  type TerminalEvent,
} from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import type { EventSink } from '../listening/attachments.ts';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Door, DoorContext } from './door.ts';

const controlReplies = { CANCEL: 'cancelling', PAUSE: 'pausing', RESUME: 'resuming' } as const;

type Failure = { code: string; message: string };

const methods = new Set(['execute', 'control']);

/** Opens the dialect on a connection. */
export function openDialectDoor(context: DoorContext): Door {
  const { connectionId, outbox, log, metrics, logger } = context;
  /** The job, from its acceptance to its terminal event; 'accepting' while it has no id yet. */
  let task: 'none' | 'accepting' | { jobId: string; hasOutput: boolean } = 'none';
  let lastReceived: Promise<unknown> = Promise.resolve();

  const sink: EventSink = {
    events(_jobId, events) {
      for (const event of events) forward(JSON.parse(event) as JobEvent);
    },
    lost: (_jobId, _lastSeq, reason) => end('FAILED', { code: 'job_lost', message: reason }),
    hasRoom: outbox.hasRoom,
  };
  const attachments = context.createAttachments(sink);

  function notify(method: string, params: unknown): void {
    outbox.send(notificationFrame(method, params));
  }

  function output(content: string): void {
    if (typeof task === 'object') task.hasOutput = true;
    notify('output', { type: 'stdout', content });
  }

  function status(value: DialectStatus, error?: Failure): void {
    const jobId = typeof task === 'object' ? { jobId: task.jobId } : {};
    notify('statusUpdate', { status: value, ...jobId, ...(error === undefined ? {} : { error }) });
  }

  function end(value: DialectStatus, error?: Failure): void {
    status(value, error);
    task = 'none';
  }

  function forward(event: JobEvent): void {
    if (isTerminalEvent(event)) {
      conclude(event);
      return;
    }
    switch (event.type) {
      case 'started':
      case 'resumed':
        status('RUNNING');
        break;
      case 'output':
        output(event.text);
        break;
      case 'reset':
        output(`\n[The answer starts anew: ${event.reason}. Ignore what came before.]\n`);
        break;
      case 'pause_refused':
        outbox.send(dialectErrorFrame(null, `The task cannot ${event.request}: ${event.reason}`));
        break;
      case 'queued':
      case 'message':
      case 'throttled':
      case 'paused':
        // The dialect has no word for it.
        break;
      default:
        event satisfies never;
    }
  }

  function conclude(event: TerminalEvent): void {
    const isUnseen = typeof task === 'object' && !task.hasOutput;
    if (event.type === 'completed' && event.text && isUnseen) output(event.text);
    end(dialectStatusOf(event.type), failureOf(event));
  }

  function count(method: string, outcome: string): void {
    metrics.requests.inc({ door: 'dialect', method, outcome });
  }

  /** One after another: a CANCEL that comes right behind its `execute` must find the task. */
  function receive(text: string): Promise<'taken' | 'malformed'> {
    const outcome = lastReceived.then(() => handle(text));
    lastReceived = outcome;
    return outcome;
  }

  async function handle(text: string): Promise<'taken' | 'malformed'> {
    const envelope = parseEnvelope(text);
    if (!envelope.ok) {
      count('none', envelope.rejection.error.code);
      outbox.send(dialectErrorFrame(envelope.rejection.id ?? null, envelope.rejection.error.message));
      return 'malformed';
    }
    const { id, method, params } = envelope.frame;
    try {
      if (method === 'execute') await execute(id, params);
      else if (method === 'control') await control(id, params);
      else throw new DialectError(`Unknown method: ${method}`);
      count(method, 'ok');
    } catch (error) {
      if (error instanceof ConnectionClosedError) return 'taken';
      count(methods.has(method) ? method : 'unknown', outcomeOf(error));
      if (!(error instanceof DialectError)) logger.error({ err: error, method }, 'a request failed');
      const message =
        error instanceof DialectError ? error.message : 'The gateway cannot do this now; try again';
      outbox.send(dialectErrorFrame(id ?? null, message));
    }
    return 'taken';
  }

  async function execute(id: RequestId | undefined, params: unknown): Promise<void> {
    const parsed = dialectExecuteParamsSchema.safeParse(params ?? {});
    if (!parsed.success) throw new DialectError("Missing 'command' parameter");
    if (task !== 'none') throw new DialectError('A task is already running');
    if (context.isDraining()) throw new DialectError('The gateway is shutting down: connect again');
    task = 'accepting';
    try {
      // Nobody can come back to a job in this dialect, so it ends when its client has gone.
      const { jobId } = await context.accept({ prompt: parsed.data.command, onDisconnect: 'cancel' });
      task = { jobId, hasOutput: false };
      const { begin } = await attachments.add(jobId, 0);
      if (id !== undefined) outbox.send(resultFrame(id, { status: 'started', jobId }));
      begin();
    } catch (error) {
      // A job that was accepted, but cannot be listened to, would run for nobody.
      if (typeof task === 'object') await log.cancel(task.jobId, 'disconnect').catch(() => undefined);
      task = 'none';
      throw error;
    }
  }

  async function control(id: RequestId | undefined, params: unknown): Promise<void> {
    const parsed = dialectControlParamsSchema.safeParse(params ?? {});
    if (!parsed.success) throw new DialectError(`Invalid control: ${describeIssues(parsed.error)}`);
    if (typeof task !== 'object') throw new DialectError('No task is running');
    const { type } = parsed.data;
    if (type === 'CANCEL') await log.cancel(task.jobId, 'client');
    else await log.setPauseWish(task.jobId, type === 'PAUSE');
    if (id !== undefined) outbox.send(resultFrame(id, { status: controlReplies[type] }));
  }

  notify('connected', { sessionId: connectionId });

  return {
    receive,
    refuse: (error: ProtocolError) => outbox.send(dialectErrorFrame(null, error.message)),
    attachments: attachments.all,
    beat(positions: Map<string, Position>) {
      if (typeof task === 'object' && positions.get(task.jobId)?.status === 'running') status('RUNNING');
    },
    setDegraded: () => {
      // The dialect has no word for it.
    },
    goAway: () => {
      // The dialect has no word for it; the close code says it.
    },
    resume: attachments.resume,
    close: attachments.close,
  };
}

/** Why an ending is a failure for the dialect; undefined when it is none. */
function failureOf(event: TerminalEvent): Failure | undefined {
  switch (event.type) {
    case 'failed':
      return { code: event.error.code, message: event.error.message };
    case 'timed_out':
      return { code: event.type, message: `the limit "${event.limit}" was reached` };
    case 'completed':
    case 'cancelled':
      return undefined;
    default:
      return event satisfies never;
  }
}

/** An error whose words are for the client. */
class DialectError extends Error {}

function outcomeOf(error: unknown): string {
  if (error instanceof DialectError) return 'refused';
  return error instanceof RedisUnavailableError ? 'unavailable' : 'internal';
}
