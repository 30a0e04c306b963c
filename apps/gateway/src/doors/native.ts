/**
 * One native connection (`/ws`): takes requests, answers each once, and forwards the events of attached jobs.
 *
 * Order: the answer to a request goes out before the events that it causes. Everything a client sends is checked in
 * `parseRequest`; behind it, types hold.
 */
import { DEFAULT_TENANT, type JobLog, type Position } from '@cc-executor/job-log';
import {
  errorFrame,
  isTerminal,
  MAX_ATTACHMENTS,
  MAX_FRAME_BYTES,
  notificationFrame,
  type Params,
  PROTOCOL_VERSION,
  ProtocolError,
  parseRequest,
  type Request,
  type Result,
  resultFrame,
  type TerminalEvent,
} from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import type { Attachments, EventSink } from '../listening/attachments.ts';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Door, DoorContext } from './door.ts';
import { framesOf } from './event-frames.ts';

const DEFAULT_LIST_LIMIT = 20;

type Answer = { result: unknown; after?: () => void };

/** Opens the native protocol on a connection. */
export function openNativeDoor(context: DoorContext): Door {
  const { connectionId, outbox, log, accept, metrics, logger } = context;
  const sink: EventSink = {
    events(_jobId, events) {
      for (const frame of framesOf(events)) outbox.send(frame);
    },
    lost: (jobId, lastSeq, reason) => notify('job_lost', { jobId, lastSeq, reason }),
    hasRoom: outbox.hasRoom,
  };
  const attachments = context.createAttachments(sink);

  function notify(method: string, params: unknown): void {
    outbox.send(notificationFrame(method, params));
  }

  function count(method: string, outcome: string): void {
    metrics.requests.inc({ door: 'native', method, outcome });
  }

  async function receive(text: string): Promise<'taken' | 'malformed'> {
    const parsed = parseRequest(text);
    if (!parsed.ok) {
      const { error, id } = parsed.rejection;
      count('none', error.code);
      // What cannot be read may have been a request: it is answered. A notification's faults are its own.
      if (id !== undefined) outbox.send(errorFrame(id, error));
      return error.code === 'parse_error' || error.code === 'invalid_request' ? 'malformed' : 'taken';
    }
    const { id, method } = parsed.request;
    try {
      const { result, after } = await answer(parsed.request);
      count(method, 'ok');
      if (id !== undefined) outbox.send(resultFrame(id, result));
      after?.();
    } catch (error) {
      if (error instanceof ConnectionClosedError) return 'taken';
      const known = asProtocolError(error);
      count(method, known.code);
      if (known.code === 'internal') logger.error({ err: error, method }, 'a request failed');
      if (id !== undefined) outbox.send(errorFrame(id, known));
    }
    return 'taken';
  }

  async function answer(request: Request): Promise<Answer> {
    switch (request.method) {
      case 'execute':
        return execute(request.params);
      case 'attach':
        return attachTo(request.params);
      case 'detach':
        attachments.remove(request.params.jobId);
        return { result: {} };
      case 'cancel':
        return { result: await cancel(log, request.params.jobId) };
      case 'pause':
        return { result: await setPauseWish(log, request.params.jobId, true) };
      case 'resume':
        return { result: await setPauseWish(log, request.params.jobId, false) };
      case 'get':
        return { result: await getJob(log, request.params.jobId) };
      case 'verify':
        return { result: await context.verify(request.params.jobId) };
      case 'list':
        return { result: await listJobs(log, request.params) };
    }
  }

  async function execute(params: Params<'execute'>): Promise<Answer> {
    if (context.isDraining()) throw new ProtocolError('draining');
    if (params.attach === false) return { result: await accept(params) };
    if (attachments.isFull()) throw new ProtocolError('too_many_attachments');
    const accepted = await accept(params);
    return { result: accepted, ...(await attachAccepted(attachments, accepted.jobId)) };
  }

  /** The job is accepted, so the answer must say so even if attaching fails: then the client is sent to resume. */
  async function attachAccepted(to: Attachments, jobId: string): Promise<{ after?: () => void }> {
    try {
      const { begin } = await to.add(jobId, 0);
      return { after: begin };
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'already_attached') return {};
      if (error instanceof ConnectionClosedError) throw error;
      logger.warn({ err: error, jobId }, 'accepted, but could not attach');
      return { after: () => context.close('internal') };
    }
  }

  async function attachTo({ jobId, afterSeq = 0, epoch }: Params<'attach'>): Promise<Answer> {
    const { attachment, begin } = await attachments.add(jobId, afterSeq, epoch);
    const { epoch: current, status, lastSeq } = attachment.start;
    return { result: { jobId, epoch: current, status, lastSeq } satisfies Result<'attach'>, after: begin };
  }

  notify('connected', {
    connectionId,
    version: PROTOCOL_VERSION,
    heartbeatMs: context.heartbeatMs,
    limits: { maxFrameBytes: MAX_FRAME_BYTES, maxAttachments: MAX_ATTACHMENTS },
  });

  return {
    receive,
    refuse: (error) => outbox.send(errorFrame(null, error)),
    attachments: attachments.all,
    beat: (positions) => notify('heartbeat', { jobs: heartbeatJobs(attachments, positions) }),
    setDegraded: (degraded) =>
      degraded ? notify('degraded', { reason: 'the gateway cannot reach Redis' }) : notify('restored', {}),
    goAway: (reason, reconnectAfterMs) => notify('goaway', { reason, reconnectAfterMs }),
    resume: attachments.resume,
    close: attachments.close,
  };
}

function heartbeatJobs(attachments: Attachments, positions: Map<string, Position>) {
  const jobs: { jobId: string; seq: number; status: string }[] = [];
  for (const { jobId } of attachments.all()) {
    const position = positions.get(jobId);
    if (position) jobs.push({ jobId, seq: position.lastSeq, status: position.status });
  }
  return jobs;
}

async function cancel(log: JobLog, jobId: string): Promise<Result<'cancel'>> {
  const outcome = await log.cancel(jobId, 'client');
  if (outcome.code === 'missing') throw new ProtocolError('job_not_found');
  return { status: outcome.status, accepted: outcome.code !== 'terminal' };
}

async function setPauseWish(log: JobLog, jobId: string, wish: boolean): Promise<Result<'pause'>> {
  const outcome = await log.setPauseWish(jobId, wish);
  if (outcome.code === 'missing') throw new ProtocolError('job_not_found');
  return { status: outcome.status, accepted: outcome.code === 'recorded' };
}

async function getJob(log: JobLog, jobId: string): Promise<Result<'get'>> {
  const stored = await log.get(jobId);
  if (!stored) throw new ProtocolError('job_not_found');
  const { job, lastEvent } = stored;
  if (!isTerminal(job.status) || lastEvent === undefined) return job;
  return { ...job, terminal: JSON.parse(lastEvent) as TerminalEvent };
}

async function listJobs(log: JobLog, { status, limit = DEFAULT_LIST_LIMIT, cursor }: Params<'list'>) {
  const page = await log.list(DEFAULT_TENANT, {
    limit,
    ...(status === undefined ? {} : { status }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  return { jobs: page.jobs, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
}

/** A fault of Redis is `unavailable`, and worth another try; everything else unexpected is ours. */
function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof RedisUnavailableError) return new ProtocolError('unavailable', undefined, 1_000);
  return new ProtocolError('internal');
}
