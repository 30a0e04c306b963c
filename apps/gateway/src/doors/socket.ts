/**
 * What the WebSocket doors share of a socket: frames in and out, pings, limits, closing. A client that is no longer there,
 * or holds too much of the gateway's memory, is closed with a code that says to come back. Whatever is thrown for a
 * connection, in here or in its door, closes that connection and reaches nobody else.
 */
import type { Duplex } from 'node:stream';
import {
  type CloseReason,
  closeCodes,
  createConnectionId,
  MAX_FRAME_BYTES,
  ProtocolError,
  readFrameId,
} from '@cc-executor/protocol';
import { logEvents } from '@cc-executor/runtime';
import type { WebSocket } from 'ws';
import type { Beating } from '../listening/heartbeats.ts';
import type { Door, DoorContext } from './door.ts';
import { createGuard } from './guard.ts';
import { createInbox } from './inbox.ts';
import { createLiveness } from './liveness.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { createOutbox } from './outbox.ts';
import type { Rounds } from './rounds.ts';
import type { TenantTurns } from './turns.ts';
import { overWebSocket } from './web-socket-carrier.ts';

const MAX_MALFORMED = 20;
/** While so much waits to be sent, no request is taken: whoever asks has to take the answers. */
const MAX_WAITING_BYTES = 2 * 1024 * 1024;
/** How long a client may take to read its close frame, and what goes before, and to answer it. */
const FAREWELL_MS = 1_000;

/** What a door is given besides its connection. The logger becomes one that names the connection. */
export type SocketContext = Omit<DoorContext, 'connectionId' | 'outbox' | 'close'> & {
  memory: MemoryBudget;
  turns: TenantTurns;
  rounds: Rounds;
};

export type Connection = Beating & {
  goAway(reason: string, reconnectAfterMs: number): void;
  close(reason: CloseReason): void;
  /** Ends the socket without a farewell. */
  terminate(): void;
};

/** Runs a door on a socket until that closes; `onClose` is called once, with why. */
export function runConnection(
  webSocket: WebSocket,
  stream: Duplex,
  openDoor: (context: DoorContext) => Door,
  context: SocketContext,
  onClose: (reason: CloseReason | 'client') => void,
): Connection {
  const connectionId = createConnectionId();
  const logger = context.logger.child({ connectionId });
  const { memory } = context;
  const liveness = createLiveness();
  let malformed = 0;
  let closedFor: CloseReason | undefined;
  let farewell: NodeJS.Timeout | undefined;

  const guard = createGuard(fail);
  const outbox = createOutbox(overWebSocket(webSocket, stream), {
    roomBytes: memory.sendRoom,
    onRoom: () => resume(),
    onGrown: memory.grew,
    rounds: context.rounds,
  });
  const door = openDoor({ ...context, connectionId, outbox, logger, close, openSession });
  const inbox = createInbox(
    webSocket,
    stream,
    (message, isBinary) => receive(message, isBinary).catch(fail),
    {
      mayTake: () => outbox.waitingBytes() < MAX_WAITING_BYTES,
      memory,
      turns: context.turns,
    },
  );
  const resume = guard(() => {
    door.resume();
    inbox.resume();
  });
  const leaveMemory = memory.add({
    heldBytes: () => inbox.heldBytes() + outbox.waitingBytes(),
    waitingBytes: outbox.waitingBytes,
    batches: outbox.batches,
    blame: () => inbox.blame() + outbox.waitingBytes(),
    shed() {
      // What it sends from now on would be held, too.
      webSocket.pause();
      dismiss('too_much_held');
      // The close frame is on its way, or never will be. Until the socket is gone, what it held is held.
      setImmediate(() => webSocket.terminate());
    },
  });

  /** The door is called with events from outside of its connection, too: by a feed that serves others as well. */
  function openSession(...[client, sink]: Parameters<DoorContext['openSession']>) {
    const cutOff = () => dismiss('internal');
    return context.openSession(
      { ...client, cutOff },
      { ...sink, events: guard(sink.events), lost: guard(sink.lost) },
    );
  }

  function fail(err: unknown): void {
    if (closedFor === undefined)
      logger.error({ event: logEvents.fault, err }, 'a fault of ours ends a connection');
    dismiss('internal');
  }

  function close(reason: CloseReason): void {
    closedFor ??= reason;
    outbox.flush();
    webSocket.close(closeCodes[reason].code, reason);
    farewell ??= setTimeout(() => webSocket.terminate(), FAREWELL_MS).unref();
  }

  /** Closes on a client that may not read it. */
  function dismiss(reason: CloseReason): void {
    if (webSocket.readyState !== webSocket.OPEN) return;
    logger.info({ reason }, 'closing a connection');
    outbox.clear();
    close(reason);
  }

  async function receive(message: Buffer, isBinary: boolean): Promise<void> {
    const refusal = refuse(message, isBinary);
    let outcome: 'taken' | 'malformed' = 'malformed';
    if (refusal) door.refuse(refusal, readFrameId(message.toString('utf8')));
    else outcome = await door.receive(message.toString('utf8'));
    if (outcome === 'malformed') malformed += 1;
    if (malformed >= MAX_MALFORMED) close('protocol_violation');
  }

  webSocket.on('pong', liveness.answered);
  // A broken connection and an oversized message end in 'close', which follows.
  webSocket.on('error', (err) => logger.debug({ err }, 'socket error'));
  webSocket.on('close', (code) => {
    logger.debug({ code }, 'connection closed');
    clearTimeout(farewell);
    leaveMemory();
    outbox.clear();
    inbox.clear();
    guard(door.close)();
    onClose(closedFor ?? 'client');
  });
  logger.debug('connection opened');

  return {
    attachments: door.attachments,
    beat: guard((positions) => {
      if (webSocket.readyState !== webSocket.OPEN) return;
      outbox.depart();
      const outgoing = { takenBytes: outbox.takenBytes(), waitingBytes: outbox.waitingBytes() };
      // While we do not listen, it cannot answer.
      if (webSocket.isPaused && outgoing.waitingBytes === 0) liveness.answered();
      const gone = liveness.beat(outgoing);
      if (gone) return dismiss(gone);
      // With the heartbeat, in one system call.
      stream.cork();
      try {
        webSocket.ping();
        door.beat(positions);
      } finally {
        context.rounds.join(() => stream.uncork());
      }
    }),
    setDegraded: guard(door.setDegraded),
    goAway: guard(door.goAway),
    close,
    terminate: () => webSocket.terminate(),
  };
}

function refuse(bytes: Buffer, isBinary: boolean): ProtocolError | undefined {
  if (isBinary) return new ProtocolError('invalid_request', 'Binary frames are not supported: send text.');
  if (bytes.length <= MAX_FRAME_BYTES) return undefined;
  return new ProtocolError(
    'invalid_request',
    `The frame has ${bytes.length} bytes; at most ${MAX_FRAME_BYTES} are allowed.`,
  );
}
