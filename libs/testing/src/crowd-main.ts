/**
 * The process of `startCrowd`: reads its plan, one line of JSON, from standard input, does it on bare sockets, says
 * `ready` when all do, and `closed` for each that the gateway closed; ends with its standard input.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { bareFrame, frameHead, openBareSocket } from './bare-socket.ts';
import type { CrowdPlan } from './crowd.ts';

/** So many come at once: the gateway's backlog is not what is looked at. */
const AT_ONCE = 50;
/** A flood sends so much at once. */
const WAVE_BYTES = 64 * 1024;

const lines = createInterface({ input: process.stdin });
const [first] = (await once(lines, 'line')) as [string];
lines.on('close', () => process.exit(0));
const plan = JSON.parse(first) as CrowdPlan;

async function open(): Promise<Socket> {
  const socket = await openBareSocket(plan.port);
  socket.on('close', () => process.stdout.write('closed\n'));
  return socket;
}

/** Resolves when it is sent, or the gateway has closed. */
async function sendUnfinished(socket: Socket, unfinished: Buffer): Promise<void> {
  socket.resume();
  socket.write(frameHead(unfinished.length + 1));
  await new Promise<void>((resolve) => {
    socket.write(unfinished, () => resolve());
    socket.once('close', () => resolve());
  });
}

async function attachDeaf(socket: Socket, attach: Buffer): Promise<void> {
  socket.pause();
  socket.write(attach);
}

async function flood(socket: Socket, wave: Buffer): Promise<void> {
  socket.resume();
  const send = () => {
    while (socket.writable && socket.write(wave)) {
      // As much as the system takes.
    }
  };
  socket.on('drain', send);
  // A gateway that is gone has no flood.
  socket.once('close', () => {
    open().then(
      (next) => flood(next, wave),
      () => undefined,
    );
  });
  send();
}

function member(): (socket: Socket) => Promise<void> {
  switch (plan.mode) {
    case 'unfinished': {
      const unfinished = Buffer.alloc(plan.frameBytes - 1, 'x');
      return (socket) => sendUnfinished(socket, unfinished);
    }
    case 'deaf': {
      const request = { jsonrpc: '2.0', id: 1, method: 'attach', params: { jobId: plan.jobId } };
      const attach = bareFrame(Buffer.from(JSON.stringify(request)));
      return (socket) => attachDeaf(socket, attach);
    }
    case 'flood': {
      const frame = bareFrame(Buffer.from(plan.frame));
      const wave = Buffer.concat(Array(Math.max(1, Math.floor(WAVE_BYTES / frame.length))).fill(frame));
      return (socket) => flood(socket, wave);
    }
    default:
      return plan satisfies never;
  }
}

async function joinAll(): Promise<void> {
  const join = member();
  const joined: Promise<void>[] = [];
  for (let left = plan.count; left > 0; left -= AT_ONCE) {
    const sockets = await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, open));
    joined.push(...sockets.map(join));
  }
  await Promise.all(joined);
}

try {
  await joinAll();
  process.stdout.write('ready\n');
} catch (err) {
  process.stderr.write(`a crowd could not come in: ${(err as Error).message}\n`);
  process.exit(1);
}
