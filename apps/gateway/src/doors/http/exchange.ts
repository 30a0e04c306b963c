/**
 * One HTTP request and its answer, bounded as a WebSocket is: what is held for it counts in the gateway's memory budget;
 * who takes nothing of the answer for three heartbeats is cut off; a fault of ours ends this exchange and reaches nobody else.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Identity } from '@cc-executor/identity';
import type { Position, StoredBatch } from '@cc-executor/job-log';
import { type CloseReason, createConnectionId, ProtocolError } from '@cc-executor/protocol';
import { logEvents } from '@cc-executor/runtime';
import type { HttpReply } from '@cc-executor/service';
import type { Beating } from '../../listening/heartbeats.ts';
import { ConnectionClosedError } from '../../listening/read-turns.ts';
import type { SnapshotPage } from '../../listening/snapshot.ts';
import type { Session } from '../../operations/session.ts';
import { errorAnswer } from '../error-answer.ts';
import { createGuard } from '../guard.ts';
import { createLiveness } from '../liveness.ts';
import { createOutbox, type Outbox } from '../outbox.ts';
import type { HttpContext } from './context.ts';
import { commonHeaders } from './headers.ts';

/** What a request holds besides its body, in bodies: its text and what is parsed of it. */
const COPIES = 3;

/** What becomes of the events of the jobs that an exchange listens to. */
type ExchangeListener = {
  events(batch: StoredBatch): void;
  snapshot?(page: SnapshotPage): void;
  lost(lastSeq: number, reason: string): void;
  beat?(positions: ReadonlyMap<string, Position>): void;
  setDegraded?(reason: string | undefined): void;
  /** The gateway closes soon. */
  goAway(reconnectAfterMs: number): void;
};

export type Exchange = {
  readonly request: IncomingMessage;
  readonly session: Session;
  readonly outbox: Outbox;
  /** Resolves when the answer is out, or nobody is there any more; with why we ended it, if we did. */
  readonly closed: Promise<CloseReason | 'client' | 'ended'>;
  isOpen(): boolean;
  /** So many bytes of the body have come. */
  tookBody(bytes: number): void;
  /** So many of them are not held any more. */
  letBodyGo(bytes: number): void;
  /** Takes the events from now on; is told at once of what is wrong with Redis, and that the gateway closes. */
  listen(listener: ExchangeListener): void;
  /** Answers, whole. */
  answer(status: number, headers: OutgoingHttpHeaders, body?: string): void;
  answerJson(status: number, body: object, headers?: OutgoingHttpHeaders): void;
  /** Begins an answer that goes on in `outbox`, and ends with `end`. */
  begin(status: number, headers: OutgoingHttpHeaders): void;
  end(): void;
  /** Answers an error; where the answer has begun already, cuts it off. */
  fail(error: unknown): void;
  goAway(reconnectAfterMs: number): void;
  /** Ends it without a farewell. */
  cutOff(reason: CloseReason): void;
};

export function openExchange(reply: HttpReply, identity: Identity, context: HttpContext): Exchange {
  const { memory, heartbeats } = context;
  const logger = context.logger.child({ connectionId: createConnectionId() });
  const liveness = createLiveness();
  const startedAt = performance.now();
  const closed = Promise.withResolvers<CloseReason | 'client' | 'ended'>();
  let listener: ExchangeListener | undefined;
  let degraded: string | undefined;
  let bodyBytes = 0;
  let closedFor: CloseReason | 'ended' | undefined;

  reply.hijack();
  const { raw: response } = reply;
  const { raw: request } = reply.request;
  const isOpen = () => !response.writableEnded && !response.destroyed;
  const guard = createGuard(fail);
  const outbox = createOutbox(
    {
      stream: {
        // Node does it for answers to requests.
        cork: () => undefined,
        uncork: () => undefined,
        on: response.on.bind(response),
        get writableLength() {
          return response.writableLength;
        },
        get writableNeedDrain() {
          return response.writableNeedDrain;
        },
      },
      isOpen,
      frame: (text) => Buffer.from(text),
      write: (bytes) => void response.write(bytes),
      ping: () => undefined,
    },
    {
      roomBytes: memory.sendRoom,
      onRoom: guard(() => session.attachments.resume()),
      onGrown: memory.grew,
      rounds: context.rounds,
    },
  );
  const session = context.openSessionAs(identity)(
    { door: 'http', canReturn: true, logger, cutOff: () => cutOff('internal') },
    {
      events: guard((batch) => listener?.events(batch)),
      snapshot: guard((page) => listener?.snapshot?.(page)),
      lost: guard((_jobId, lastSeq, reason) => listener?.lost(lastSeq, reason)),
      hasRoom: outbox.hasRoom,
      pageBytes: outbox.roomBytes,
    },
  );
  const leaveMemory = memory.add({
    heldBytes: () => bodyBytes * (1 + COPIES) + outbox.waitingBytes(),
    waitingBytes: outbox.waitingBytes,
    batches: outbox.batches,
    blame: () => bodyBytes * (1 + (performance.now() - startedAt) / 1_000) + outbox.waitingBytes(),
    shed: () => cutOff('too_much_held'),
  });
  const beating: Beating = {
    attachments: session.attachments.all,
    beat: guard((positions) => {
      outbox.depart();
      const outgoing = { takenBytes: outbox.takenBytes(), waitingBytes: outbox.waitingBytes() };
      // HTTP has no pings: who has taken all that there was is taken for present.
      if (outgoing.waitingBytes === 0) liveness.answered();
      const gone = liveness.beat(outgoing);
      if (gone) cutOff(gone);
      else listener?.beat?.(positions);
    }),
    setDegraded: guard((reason) => {
      degraded = reason;
      listener?.setDegraded?.(reason);
    }),
  };
  const leaveHeartbeats = heartbeats.add(beating);

  // What is wrong with the socket is told by 'close', which follows.
  response.on('error', (err) => logger.debug({ err }, 'response error'));
  if (response.closed) leave();
  else response.once('close', leave);

  function leave(): void {
    leaveMemory();
    leaveHeartbeats();
    outbox.clear();
    session.attachments.close();
    closed.resolve(closedFor ?? 'client');
  }

  function cutOff(reason: CloseReason): void {
    closedFor = reason;
    logger.info({ reason }, 'cutting off an answer');
    outbox.clear();
    response.destroy();
  }

  function begin(status: number, headers: OutgoingHttpHeaders): void {
    const { isClosing } = context;
    response.writeHead(status, {
      ...commonHeaders(request.headers),
      ...headers,
      ...(isClosing() && { connection: 'close' }),
    });
  }

  function end(): void {
    if (!isOpen()) return;
    closedFor ??= 'ended';
    outbox.flush();
    response.end();
  }

  function answer(status: number, headers: OutgoingHttpHeaders, body?: string): void {
    if (!isOpen()) return;
    begin(status, {
      ...headers,
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    });
    if (body !== undefined) outbox.send(body);
    end();
  }

  function fail(error: unknown): void {
    // Nobody is there to be answered.
    if (error instanceof ConnectionClosedError) return;
    const known = error instanceof ProtocolError ? error : new ProtocolError('internal');
    if (known !== error)
      logger.error({ event: logEvents.fault, err: error }, 'a fault of ours ends an answer');
    if (response.headersSent) {
      cutOff('internal');
      return;
    }
    const { status, headers, body } = errorAnswer(known);
    // What is left of the body is not read.
    answer(status, request.complete ? headers : { ...headers, connection: 'close' }, body);
  }

  return {
    request,
    session,
    outbox,
    closed: closed.promise,
    isOpen,
    tookBody(bytes) {
      bodyBytes += bytes;
      memory.grew(bytes);
    },
    letBodyGo(bytes) {
      bodyBytes -= bytes;
    },
    listen(taking) {
      listener = taking;
      if (degraded !== undefined) taking.setDegraded?.(degraded);
      if (context.isClosing()) taking.goAway(0);
    },
    answer,
    answerJson: (status, body, headers = {}) =>
      answer(status, { 'content-type': 'application/json', ...headers }, `${JSON.stringify(body)}\n`),
    begin(status, headers) {
      begin(status, headers);
      response.flushHeaders();
    },
    end,
    fail,
    goAway: guard((reconnectAfterMs) => listener?.goAway(reconnectAfterMs)),
    cutOff,
  };
}
