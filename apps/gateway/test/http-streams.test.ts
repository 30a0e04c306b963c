/** Events over HTTP: forms, positions, what comes between events, and clients that do not read. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createJobId, type JobEvent } from '@cc-executor/protocol';
import { needs, type TestRedis, textsOf } from '@cc-executor/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  completed,
  freshMetrics,
  output,
  provideRig,
  type Rig,
  type TestGateway,
  takeJob,
  untilTrue,
} from './harness.ts';

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

const urlOf = ({ port }: TestGateway, jobId: string, query = '') =>
  `http://127.0.0.1:${port}/v1/jobs/${jobId}/events${query}`;
const ndjson = { accept: 'application/x-ndjson' };

/** A job that has ended, with `texts` as its output. */
async function endedJob(...texts: string[]): Promise<string> {
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  for (const text of texts) await attempt.write(output(text));
  await attempt.end(completed);
  return jobId;
}

type Message = { id?: string; event?: string; data?: string; comment?: string };

/** The messages of a text of server-sent events. */
function messagesOf(text: string): Message[] {
  return text.split('\n\n').flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('retry:'));
    if (lines.length === 0) return [];
    return [
      Object.fromEntries(
        lines.map((line) => [line.split(': ', 1)[0] || 'comment', line.replace(/^\w*: /, '')]),
      ),
    ];
  });
}

/** Reads a stream while it goes on. */
async function openStream(url: string, headers: Record<string, string> = {}) {
  const leave = new AbortController();
  onTestFinished(() => leave.abort());
  const response = await fetch(url, { headers, signal: leave.signal });
  let text = '';
  const ended = (async () => {
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) text += piece;
  })();
  ended.catch(() => undefined);
  return { response, ended, text: () => text, leave: () => leave.abort() };
}

describe('a stream', () => {
  test('has each event under its seq, byte for byte, and ends after the terminal one', async () => {
    const gateway = await rig.gateway();
    const jobId = await rig.createJob();
    const stream = await openStream(urlOf(gateway, jobId));
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await untilTrue(() => stream.text().includes('"queued"'));
    const attempt = await takeJob(rig.log, jobId);
    await attempt.write(output('a\nb\r\n'), output('\u2028 é'));
    await attempt.end(completed);
    await stream.ended;
    const page = await rig.log.range('default', jobId, { afterSeq: 0, maxEvents: 9, maxBytes: 9_999 });
    expect(messagesOf(stream.text())).toEqual(textsOf(page).map((data, i) => ({ id: String(i + 1), data })));
    expect(stream.text().startsWith('retry: ')).toBe(true);
    await untilTrue(async () => (await rig.countListeners(jobId)) === 0);
  });

  test('goes on after any position, by `Last-Event-ID` before `after`, at any gateway', async () => {
    const jobId = await endedJob('a', 'b');
    const gateways = [await rig.gateway(), await rig.gateway()];
    const read = async (i: number, query: string, headers = {}) => {
      const response = await fetch(urlOf(gateways[i]!, jobId, query), { headers });
      return messagesOf(await response.text()).map(({ id }) => Number(id));
    };
    expect(await read(0, '')).toEqual([1, 2, 3, 4]);
    expect(await read(1, '?after=2')).toEqual([3, 4]);
    expect(await read(1, '?after=0', { 'last-event-id': '3' })).toEqual([4]);
    expect(await read(0, '?after=3', { 'last-event-id': '' })).toEqual([4]);
  });

  test('that would bring nothing more is 204, which stops a browser; a position that there is not is refused', async () => {
    const gateway = await rig.gateway();
    const jobId = await endedJob('a');
    expect((await fetch(urlOf(gateway, jobId, '?after=3'))).status).toBe(204);
    const codeOf = async (query: string) => (await (await fetch(urlOf(gateway, jobId, query))).json()).code;
    expect(await codeOf('?after=4')).toBe('position_ahead');
    expect(await codeOf('?epoch=another')).toBe('epoch_mismatch');
    expect(await rig.countListeners(jobId)).toBe(0);
  });

  test('comes as lines of JSON to whoever asks for them', async () => {
    const gateway = await rig.gateway();
    const jobId = await endedJob('a');
    const response = await fetch(urlOf(gateway, jobId, '?after=1'), { headers: ndjson });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as JobEvent).type)).toEqual(['output', 'completed']);
  });

  test.each([
    [undefined, 'text/event-stream'],
    ['*/*', 'text/event-stream'],
    ['application/*', 'application/x-ndjson'],
    ['text/event-stream;q=0.5, application/x-ndjson', 'application/x-ndjson'],
    ['text/event-stream;q=0, */*', 'application/x-ndjson'],
    ['text/html', null],
  ])('by `Accept: %s` is %s', async (accept, type) => {
    const gateway = await rig.gateway();
    const jobId = await endedJob();
    const response = await fetch(urlOf(gateway, jobId), { headers: accept === undefined ? {} : { accept } });
    if (type === null)
      expect([response.status, (await response.json()).code]).toEqual([406, 'not_acceptable']);
    else expect(response.headers.get('content-type')).toBe(type);
    const head = await fetch(urlOf(gateway, jobId), {
      method: 'HEAD',
      ...(accept ? { headers: { accept } } : {}),
    });
    expect([head.status, await head.text()]).toEqual([type === null ? 406 : 200, '']);
  });
});

describe('between events', () => {
  test('heartbeats tell the true position, and a lost publication is found by them', async () => {
    const gateway = await rig.gateway({ heartbeatMs: 50 });
    const jobId = await rig.createJob();
    const stream = await openStream(urlOf(gateway, jobId));
    const lines = await openStream(urlOf(gateway, jobId), ndjson);
    await untilTrue(() => stream.text().includes(': heartbeat {"lastSeq":1,"status":"queued"}\n\n'));
    await untilTrue(() => lines.text().includes('{"type":"heartbeat","lastSeq":1,"status":"queued"}\n'));
    await server.killClients('subscribers');
    const attempt = await takeJob(rig.log, jobId);
    await attempt.end(completed);
    await Promise.all([stream.ended, lines.ended]);
    expect(messagesOf(stream.text()).at(-1)).toMatchObject({ id: '2' });
  });

  test('it is said when Redis is away and back, also to who comes meanwhile; and that a job is lost', async (context) => {
    await needs('pauses')(context);
    const gateway = await rig.gateway({ heartbeatMs: 50, commandTimeoutMs: 500 });
    const jobId = await rig.createJob();
    const stream = await openStream(urlOf(gateway, jobId));
    await untilTrue(() => stream.text().includes('id: 1'));
    await server.admin.client('PAUSE', 1_500, 'ALL');
    await untilTrue(() => messagesOf(stream.text()).some(({ event }) => event === 'degraded'));
    await untilTrue(() => messagesOf(stream.text()).some(({ event }) => event === 'restored'));
    await server.admin.del(rig.keys.record(jobId), rig.keys.log(jobId));
    await stream.ended;
    const lost = messagesOf(stream.text()).at(-1);
    expect(lost).toMatchObject({ event: 'job_lost' });
    expect(JSON.parse(lost?.data ?? '')).toMatchObject({ lastSeq: 1, reason: expect.any(String) });
    expect((await fetch(urlOf(gateway, jobId))).status).toBe(404);
  });

  test('a gateway that drains says so, ends its streams and waits, and begins no new ones', async () => {
    const gateway = await rig.gateway({ drainGraceMs: 60_000 });
    const jobId = await rig.createJob();
    const stream = await openStream(urlOf(gateway, jobId));
    await untilTrue(() => stream.text().includes('id: 1'));
    const waiting = fetch(`http://127.0.0.1:${gateway.port}/v1/jobs?wait=60`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"prompt":"x"}',
    });
    await untilTrue(
      async () => (await server.channels()).filter((name) => name.startsWith(rig.keyPrefix)).length === 2,
    );
    await gateway.close();
    await stream.ended;
    expect(messagesOf(stream.text()).at(-1)).toMatchObject({ event: 'goaway' });
    const answer = await waiting;
    expect([answer.status, answer.headers.get('connection'), (await answer.json()).terminal]).toEqual([
      ...[201, 'close', undefined],
    ]);
  });
});

/** A client of its own making: nothing reads before it says so. */
async function ask(gateway: TestGateway, bytes: string): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

const get = (path: string) => `GET /v1${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const reasonsOf = async (metrics: ReturnType<typeof freshMetrics>) => {
  const { values } = await metrics.connectionsClosed.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]));
};

describe('a client that does not read', () => {
  /** More than the system buffers between two ends. */
  const MUCH = Array.from({ length: 100 }, () => 'x'.repeat(200_000));

  test('costs little, and gets everything when it reads on', async () => {
    const gateway = await rig.gateway();
    const jobId = await endedJob(...MUCH);
    const socket = await ask(gateway, get(`/jobs/${jobId}/events`));
    await untilTrue(() => gateway.connections() === 1);
    let read = '';
    socket.on('data', (piece: Buffer) => {
      read += piece;
    });
    socket.resume();
    await untilTrue(() => read.endsWith('0\r\n\r\n'));
    expect(read.match(/^id: \d+$/gm)).toEqual(Array.from({ length: 102 }, (_, i) => `id: ${i + 1}`));
  });

  test('for three heartbeats is cut off, and others are served', async () => {
    const metrics = freshMetrics();
    const gateway = await rig.gateway({ heartbeatMs: 50, metrics });
    const jobId = await endedJob(...MUCH);
    await ask(gateway, get(`/jobs/${jobId}/events`));
    await ask(gateway, get('/jobs') + get(`/jobs/${jobId}/events`));
    await untilTrue(async () => (await reasonsOf(metrics)).slow_consumer === 2);
    expect((await fetch(urlOf(gateway, jobId, '?after=101'))).status).toBe(200);
  });

  test('is let go when all together hold too much', async () => {
    const gateway = await rig.gateway({ memoryBudgetBytes: 4 * 1024 * 1024 });
    const body = `{"prompt":"${'x'.repeat(1_000_000)}`;
    const head = `POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 10}\r\n\r\n`;
    const sockets = await Promise.all(Array.from({ length: 8 }, () => ask(gateway, head + body)));
    await Promise.race(
      sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))),
    );
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/jobs/${createJobId()}`);
    expect(answer.status).toBe(404);
  });
});

test('requests that are sent without waiting for answers are bounded', async () => {
  const gateway = await rig.gateway();
  const socket = await ask(gateway, get('/jobs').repeat(500));
  socket.resume();
  await once(socket, 'close');
});

test('streams are counted while they are there, and by why they ended', async () => {
  const metrics = freshMetrics();
  const gateway = await rig.gateway({ metrics });
  const ended = await endedJob();
  await (await fetch(urlOf(gateway, ended))).text();
  const stream = await openStream(urlOf(gateway, await rig.createJob()));
  const open = async () =>
    (await metrics.connections.get()).values.find(({ labels }) => labels.door === 'http')?.value;
  await untilTrue(async () => (await open()) === 1);
  stream.leave();
  await untilTrue(async () => (await open()) === 0);
  expect(await reasonsOf(metrics)).toMatchObject({ ended: 1, client: 1 });
});
