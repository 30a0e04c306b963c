/**
 * The process of `startCrowd`: reads its plan, one line of JSON, from standard input, does it on bare sockets, says
 * `ready` when all do, and `closed` for each that the gateway closed; ends with its standard input.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { CrowdPlan } from './crowd.ts';

/** So many come at once: the gateway's backlog is not what is looked at. */
const AT_ONCE = 50;
const PAUSE_MS = 50;
/** A flood sends so much at once. */
const WAVE_BYTES = 64 * 1024;

const lines = createInterface({ input: process.stdin });
const [first] = (await once(lines, 'line')) as [string];
lines.on('close', () => process.exit(0));
const plan = JSON.parse(first) as CrowdPlan;

function frameHead(bytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x81;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}

/** The mask is zero: the payload stands as it is. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([frameHead(payload.length), payload]);
}

async function open(): Promise<Socket> {
  const socket = connect(plan.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    [
      'GET /ws HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Protocol: cc-executor.v1',
      '\r\n',
    ].join('\r\n'),
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error('no upgrade');
  socket.on('close', () => process.stdout.write('closed\n'));
  return socket;
}

/** Resolves when it is sent, or the gateway has closed. */
async function sendUnfinished(unfinished: Buffer): Promise<void> {
  const socket = await open();
  socket.resume();
  socket.write(frameHead(unfinished.length + 1));
  await new Promise<void>((resolve) => {
    socket.write(unfinished, () => resolve());
    socket.once('close', () => resolve());
  });
}

async function attachDeaf(attach: Buffer): Promise<void> {
  const socket = await open();
  socket.pause();
  socket.write(attach);
}

async function flood(wave: Buffer): Promise<void> {
  const socket = await open();
  socket.resume();
  const send = () => {
    while (socket.writable && socket.write(wave)) {
      // As much as the system takes.
    }
  };
  socket.on('drain', send);
  socket.once('close', () => void flood(wave));
  send();
}

function member(): () => Promise<void> {
  switch (plan.mode) {
    case 'unfinished': {
      const unfinished = Buffer.alloc(plan.frameBytes - 1, 'x');
      return () => sendUnfinished(unfinished);
    }
    case 'deaf': {
      const request = { jsonrpc: '2.0', id: 1, method: 'attach', params: { jobId: plan.jobId } };
      const attach = textFrame(JSON.stringify(request));
      return () => attachDeaf(attach);
    }
    case 'flood': {
      const frame = textFrame(plan.frame);
      const wave = Buffer.concat(Array(Math.max(1, Math.floor(WAVE_BYTES / frame.length))).fill(frame));
      return () => flood(wave);
    }
    default:
      return plan satisfies never;
  }
}

const join = member();
const joined: Promise<void>[] = [];
for (let i = 0; i < plan.count; i += 1) {
  joined.push(join());
  if (i % AT_ONCE !== AT_ONCE - 1) continue;
  await Promise.race([Promise.all(joined), new Promise((resolve) => setTimeout(resolve, PAUSE_MS))]);
}
await Promise.all(joined);
process.stdout.write('ready\n');
