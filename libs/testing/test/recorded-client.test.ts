import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { connectRecorded, createHistoryRecorder } from '../src/index.ts';

const jobId = `job_${'a'.repeat(32)}`;
const epoch = 'e1';

/** As a gateway frames it: the log's own bytes, spaces and all. */
const eventFrame = (json: string) => `{"jsonrpc":"2.0","method":"event","params":${json}}`;
const event = (seq: number, type: string) =>
  `{"jobId":"${jobId}", "epoch":"${epoch}","seq":${seq},"type":"${type}"}`;

describe('a recorded client', () => {
  let server: WebSocketServer;
  let url: string;
  /** What the gateway answers to each method, and the frames that follow. */
  let answers: Record<string, { result?: object; error?: object; after?: string[] }>;
  let gatewaySide: WebSocket;

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'cc-executor.v1' });
    await once(server, 'listening');
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
    server.on('connection', (socket) => {
      gatewaySide = socket;
      socket.on('message', (data) => {
        const { id, method } = JSON.parse(data.toString());
        const { after = [], ...answer } = answers[method] ?? { error: { code: -32601 } };
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
        for (const frame of after) socket.send(frame);
      });
    });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('records answers, and events in the bytes that came, each for its own attachment', async () => {
    const accepted = { jobId, epoch, status: 'queued', created: true };
    answers = {
      execute: { result: accepted, after: [eventFrame(event(1, 'queued'))] },
      detach: { result: {} },
      attach: {
        result: { jobId, epoch, status: 'running', lastSeq: 2 },
        after: [eventFrame(event(2, 'cancelled')), eventFrame(event(3, 'output'))],
      },
      cancel: { result: { status: 'running', accepted: true } },
    };
    const recorder = createHistoryRecorder();
    const client = await connectRecorded(url, recorder, { client: 'c', gateway: 'g' });
    await client.request('execute', { prompt: 'p', idempotencyKey: 'k', retry: 'never' });
    await client.until(({ params }) => params?.seq === 1);
    await client.request('detach', { jobId });
    await client.request('cancel', { jobId });
    await client.request('attach', { jobId, afterSeq: 1 });
    await client.until(({ params }) => params?.seq === 3);
    await client.request('nonsense');
    await client.close();
    const { acknowledged, attachments, cancels } = recorder.finish({ calls: [], stored: [] });
    const at = expect.any(Number);
    expect(acknowledged).toEqual([
      { jobId, epoch, created: true, gateway: 'g', retry: 'never', idempotencyKey: 'k', at },
    ]);
    expect(cancels).toEqual([{ jobId, gateway: 'g', status: 'running', accepted: true, at }]);
    expect(attachments.map(({ afterSeq, events, end }) => [afterSeq, events, end?.how])).toEqual([
      [0, [event(1, 'queued')], 'detached'],
      [1, [event(2, 'cancelled'), event(3, 'output')], 'terminal'],
    ]);
  });

  it('records how attachments were lost', async () => {
    answers = { attach: { result: { jobId, epoch, status: 'running', lastSeq: 0 } } };
    const recorder = createHistoryRecorder();
    const told = await connectRecorded(url, recorder, { client: 'told', gateway: 'g' });
    await told.request('attach', { jobId });
    gatewaySide.send(JSON.stringify({ method: 'job_lost', params: { jobId, lastSeq: 0, reason: 'wiped' } }));
    await told.until(({ method }) => method === 'job_lost');
    await told.close();
    const cut = await connectRecorded(url, recorder, { client: 'cut', gateway: 'g' });
    await cut.request('attach', { jobId });
    gatewaySide.terminate();
    await cut.closed;
    const { attachments } = recorder.finish({ calls: [], stored: [] });
    expect(attachments.map(({ client, end }) => [client, end?.how, end?.detail])).toEqual([
      ['told', 'job_lost', 'wiped'],
      ['cut', 'disconnected', '1006'],
    ]);
  });
});
