/**
 * One connection in the prototype's dialect (`/ws/mcp`): other words for the same operations. One task at a time; the
 * task's terminal event, whichever it is, becomes its last `statusUpdate`.
 */
import {
  type DialectStatus,
  describeIssues,
  dialectControlParamsSchema,
  dialectErrorFrame,
  dialectExecuteParamsSchema,
  dialectStatusOf,
  eventTexts,
  isTerminalEvent,
  type JobEvent,
  notificationFrame,
  ProtocolError,
  type ProtocolErrorCode,
  parseEnvelope,
  type RequestId,
  resultFrame,
  type TerminalEvent,
} from '@cc-executor/protocol';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Door, DoorContext } from './door.ts';

const controls = {
  CANCEL: { method: 'cancel', reply: 'cancelling' },
  PAUSE: { method: 'pause', reply: 'pausing' },
  RESUME: { method: 'resume', reply: 'resuming' },
} as const;

type Failure = { code: string; message: string };

/** Opens the dialect on a connection. */
export function openDialectDoor(context: DoorContext): Door {
  const { connectionId, outbox, requests, logger } = context;
  /** The job, from its acceptance to its terminal event; 'accepting' while it has no id yet. */
  let task: 'none' | 'accepting' | { jobId: string; hasOutput: boolean } = 'none';
  let lastReceived: Promise<unknown> = Promise.resolve();

  // The dialect has no word for coming back to a job: so a job ends when its client has gone.
  const session = context.openSession(
    { door: 'dialect', canReturn: false, logger },
    {
      events(batch) {
        for (const event of eventTexts(batch)) forward(JSON.parse(event) as JobEvent);
      },
      // Nobody can ask for one.
      snapshot: () => undefined,
      lost: (_jobId, _lastSeq, reason) => end('FAILED', { code: 'job_lost', message: reason }),
      hasRoom: outbox.hasRoom,
      pageBytes: outbox.roomBytes,
    },
  );
  const { attachments } = session;

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
      case 'tool_started':
      case 'tool_ended':
      case 'message':
      case 'notice':
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

  /** One after another: a CANCEL that comes right behind its `execute` must find the task. */
  function receive(text: string): Promise<'taken' | 'malformed'> {
    const outcome = lastReceived.then(() => handle(text));
    lastReceived = outcome;
    return outcome;
  }

  async function handle(text: string): Promise<'taken' | 'malformed'> {
    const envelope = parseEnvelope(text);
    if (!envelope.ok) {
      const { id, error } = envelope.rejection;
      requests.countRefusal(session, error);
      outbox.send(dialectErrorFrame(id ?? null, error.message));
      return 'malformed';
    }
    const { id, method } = envelope.frame;
    const params = envelope.frame.params ?? {};
    try {
      if (method === 'execute') await execute(id, params);
      else if (method === 'control') await control(id, params);
      else throw refusal('unknown_method', `Unknown method: ${method.slice(0, 64)}`);
    } catch (error) {
      // Nobody is there to be answered.
      if (error instanceof ConnectionClosedError) return 'taken';
      if (!(error instanceof ProtocolError)) throw error;
      outbox.send(dialectErrorFrame(id ?? null, wordsOf(error)));
    }
    return 'taken';
  }

  /** What cannot be put as a request: counted here, because no operation will. */
  function refusal(code: ProtocolErrorCode, message: string): ProtocolError {
    const error = new ProtocolError(code, message);
    requests.countRefusal(session, error);
    return error;
  }

  async function execute(id: RequestId | undefined, params: unknown): Promise<void> {
    const parsed = dialectExecuteParamsSchema.safeParse(params);
    if (!parsed.success) {
      const isTooLong = parsed.error.issues.some(({ code }) => code === 'too_big');
      // The prototype knew no limit; for all else these are its words.
      const words = isTooLong
        ? `Invalid command: ${describeIssues(parsed.error)}`
        : "Missing 'command' parameter";
      throw refusal('invalid_params', words);
    }
    if (task !== 'none') throw refusal('too_many_attachments', 'A task is already running');
    task = 'accepting';
    try {
      const { result, begin } = await requests.perform(session, {
        method: 'execute',
        params: { prompt: parsed.data.command, onDisconnect: 'cancel' },
      });
      const { jobId } = result;
      task = { jobId, hasOutput: false };
      if (id !== undefined) outbox.send(resultFrame(id, { status: 'started', jobId }));
      begin?.();
    } catch (error) {
      task = 'none';
      throw error;
    }
  }

  async function control(id: RequestId | undefined, params: unknown): Promise<void> {
    const parsed = dialectControlParamsSchema.safeParse(params);
    if (!parsed.success) throw refusal('invalid_params', `Invalid control: ${describeIssues(parsed.error)}`);
    if (typeof task !== 'object') throw refusal('job_not_found', 'No task is running');
    const { method, reply } = controls[parsed.data.type];
    await requests.perform(session, { method, params: { jobId: task.jobId } });
    if (id !== undefined) outbox.send(resultFrame(id, { status: reply }));
  }

  notify('connected', { sessionId: connectionId });

  return {
    receive,
    refuse: (error, id) => outbox.send(dialectErrorFrame(id, error.message)),
    attachments: attachments.all,
    beat(positions) {
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

/** What the prototype's clients are told of an error. */
function wordsOf({ code, message }: ProtocolError): string {
  if (code === 'unavailable' || code === 'internal') return 'The gateway cannot do this now; try again';
  if (code === 'draining') return 'The gateway is shutting down: connect again';
  return message;
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
