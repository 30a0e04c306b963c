/**
 * What `ws` itself costs, for everything that the gateway does for listeners: each chunk of a job to every connection in a
 * frame as long as the product's, made once; heartbeats and pings for idle ones; and `replay`, which sends ready frames as
 * fast as the socket takes them.
 *
 *   bare.ts UPSTREAM_URL
 */
import { once } from 'node:events';
import type { WebSocket } from 'ws';
import { callClaude, nextJobId } from './claude-call.ts';
import { answerJob, type Connection, servePlain } from './plain-server.ts';

const [upstreamUrl = ''] = process.argv.slice(2);

/** The product's interval. A twentieth of the connections at a time. */
const HEARTBEAT_MS = 10_000;
const SLOTS = 20;
/** The frames that go to the socket together. */
const REPLAYED_AT_ONCE = 512;

const listeners = new Set<WebSocket>();

function longFrame(jobId: string, seq: number, text: string): Buffer {
  return Buffer.from(
    `{"jsonrpc":"2.0","method":"event","params":{"jobId":"${jobId}","epoch":"Zm9vYmFyYmF6cXV4enp5","seq":${seq},"attempt":1,"time":${Date.now()},"type":"output","text":${JSON.stringify(text)}}}`,
  );
}

function broadcast(frame: Buffer | string): void {
  for (const ws of listeners) ws.send(frame, { binary: false });
}

async function replay(
  { ws, socket }: Connection,
  { events, size }: { events: number; size: number },
): Promise<void> {
  const jobId = nextJobId();
  const text = 'x'.repeat(size);
  for (let seq = 1; seq <= events; ) {
    socket.cork();
    for (let i = 0; i < REPLAYED_AT_ONCE && seq <= events; i += 1, seq += 1) {
      ws.send(longFrame(jobId, seq, text), { binary: false });
    }
    socket.uncork();
    if (socket.writableNeedDrain) await once(socket, 'drain');
    else await new Promise(setImmediate);
  }
  ws.send(JSON.stringify({ jobId, seq: events + 1, type: 'completed' }));
}

function beat(slot: number): void {
  let index = 0;
  for (const ws of listeners) {
    index += 1;
    if (index % SLOTS !== slot || ws.readyState !== ws.OPEN) continue;
    ws.ping();
    ws.send('{"jsonrpc":"2.0","method":"heartbeat","params":{"jobs":[]}}');
  }
}

let slot = 0;
setInterval(() => {
  slot = (slot + 1) % SLOTS;
  beat(slot);
}, HEARTBEAT_MS / SLOTS);

await servePlain(
  (connection, { id, method, params }) => {
    if (method === 'replay') {
      void replay(connection, params as { events: number; size: number });
      return;
    }
    const jobId = nextJobId();
    answerJob(connection, id, jobId);
    void callClaude({ upstreamUrl, jobId, prompt: String(params.prompt) }, longFrame, broadcast);
  },
  ({ ws }) => {
    listeners.add(ws);
    ws.on('close', () => listeners.delete(ws));
  },
);
