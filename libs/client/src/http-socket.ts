/**
 * The HTTP door with the face of a WebSocket: requests go out one by one, each attachment is a stream of its own, and what
 * comes back are the frames of the native protocol. Where a request or a stream finds no gateway, all of it is lost at once,
 * as a WebSocket is, and the connection makes it anew.
 * Invariant: `onLost` is called exactly once, and nothing is called after it.
 */
import {
  DEFAULT_HEARTBEAT_MS,
  isTerminalEvent,
  MAX_ATTACHMENTS,
  MAX_FRAME_BYTES,
  PROTOCOL_VERSION,
} from '@cc-executor/protocol/plain';
import { asRecord } from './errors.ts';
import { createHttpDoor, HttpProblem } from './http-requests.ts';
import { readStream } from './http-stream.ts';
import type { Method, Params, Result } from './requests.ts';
import type { Loss, Socket, SocketOptions } from './socket.ts';

type Request = { id: number; method: Method; params: Record<string, unknown> };

const CONNECTED = {
  connectionId: 'http',
  version: PROTOCOL_VERSION,
  heartbeatMs: DEFAULT_HEARTBEAT_MS,
  limits: { maxFrameBytes: MAX_FRAME_BYTES, maxAttachments: MAX_ATTACHMENTS },
};

/** `base` is the door's address, up to and with `/v1`. */
export function openHttpSocket(
  base: string,
  options: Pick<SocketOptions, 'connectTimeoutMs' | 'onConnected' | 'onFrame' | 'onLost'> & {
    fetch: typeof fetch;
  },
): Socket {
  const all = new AbortController();
  const door = createHttpDoor({ base, fetch: options.fetch, signal: all.signal });
  /** By job. */
  const streams = new Map<string, AbortController>();
  let isLost = false;

  function lose(loss: Loss): void {
    if (isLost) return;
    isLost = true;
    clearTimeout(timer);
    all.abort();
    for (const stream of streams.values()) stream.abort();
    options.onLost(loss);
  }

  /** What is done for the caller alone; no gateway there is the loss of all. */
  function run(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      lose({ reason: error instanceof Error ? error.message : String(error) });
    });
  }

  const answer = (id: number, result: unknown) => emit({ kind: 'result', id, result });
  const emit: SocketOptions['onFrame'] extends (frame: infer F, size: number) => void
    ? (frame: F, size?: number) => void
    : never = (frame, size = 0) => {
    if (isLost) return;
    if (frame.kind === 'violation') lose({ reason: '', violation: frame.message });
    else options.onFrame(frame, size);
  };

  async function perform({ id, method, params }: Request): Promise<void> {
    try {
      if (method === 'attach') await attach(id, params as Params<'attach'>);
      else if (method === 'detach') detach(id, params as Params<'detach'>);
      else if (method === 'execute' || method === 'rerun') await start(id, method, params);
      else answer(id, await door.ask(method, params));
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      emit({ kind: 'error', id, error: error.member });
    }
  }

  async function start(
    id: number,
    method: 'execute' | 'rerun',
    params: Record<string, unknown>,
  ): Promise<void> {
    const result = (await door.ask(method, params)) as Result<'execute'>;
    const { jobId, epoch } = result;
    const listens = params.attach !== false;
    if (listens && streams.has(jobId)) return refuse(id, 'already_attached');
    answer(id, result);
    if (listens) follow(jobId, `?epoch=${epoch}`);
  }

  function refuse(id: number, code: string): void {
    emit({ kind: 'error', id, error: { data: { code, retryable: false } } });
  }

  async function attach(
    id: number,
    { jobId, afterSeq = 0, epoch, from, watch }: Params<'attach'>,
  ): Promise<void> {
    if (streams.has(jobId)) return refuse(id, 'already_attached');
    const job = (await door.ask('get', { jobId })) as Result<'get'>;
    const query = new URLSearchParams({
      epoch: epoch ?? job.epoch,
      ...(from ? { from } : { after: String(afterSeq) }),
      ...(watch && { watch: 'true' }),
    });
    const { jobId: _, status, lastSeq } = job;
    await open(jobId, `?${query}`, () => answer(id, { jobId, epoch: job.epoch, status, lastSeq }));
  }

  function detach(id: number, { jobId }: Params<'detach'>): void {
    streams.get(jobId)?.abort();
    streams.delete(jobId);
    answer(id, {});
  }

  function follow(jobId: string, query: string): void {
    run(() => open(jobId, query, () => {}));
  }

  /** Begins to stream; what the stream brings is handed on behind the answer. */
  async function open(jobId: string, query: string, onOpen: () => void): Promise<void> {
    const stream = new AbortController();
    streams.set(jobId, stream);
    const isCurrent = () => streams.get(jobId) === stream;
    try {
      const body = await door.openEvents(`/jobs/${jobId}/events${query}`, stream.signal);
      if (!isCurrent()) return;
      onOpen();
      if (body) run(() => read(body));
      else streams.delete(jobId);
    } catch (error) {
      if (!isCurrent()) return;
      streams.delete(jobId);
      throw error;
    }

    async function read(body: ReadableStream<Uint8Array>): Promise<void> {
      let isAnnounced = false;
      try {
        const end = await readStream(body, jobId, (frame, size) => {
          if (!isCurrent()) return;
          if (frame.kind === 'goaway' || frame.kind === 'job_lost') isAnnounced = true;
          // Whoever takes the end may attach again in the same turn.
          if (frame.kind === 'events' && frame.events.some(isTerminalEvent)) streams.delete(jobId);
          emit(frame, size);
        });
        if (end !== 'terminal' && !isAnnounced) throw new Error('the stream ended early');
      } catch (error) {
        if (isCurrent()) throw error;
      } finally {
        if (isCurrent()) streams.delete(jobId);
      }
    }
  }

  const timer = setTimeout(() => lose({ reason: 'no answer' }), options.connectTimeoutMs);
  run(async () => {
    await door.knock();
    clearTimeout(timer);
    if (!isLost) options.onConnected(CONNECTED);
  });

  return {
    send(frame) {
      const { id, method, params } = JSON.parse(frame) as Request;
      run(() => perform({ id, method, params: asRecord(params) }));
    },
    // A dead stream is found by its silence, a dead request by its time-out.
    doubt() {},
    close(code, reason) {
      // As a WebSocket: not within the caller's turn.
      setTimeout(() => lose({ code, reason }), 0);
    },
  };
}
