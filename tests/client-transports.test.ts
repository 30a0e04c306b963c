/** The SDK against a gateway, over HTTP as over WebSocket: the same jobs, events, errors and endings. */
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Client, ClientError, type ClientOptions, createClient } from '@cc-executor/client';
import { createJobId } from '@cc-executor/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { completed, provideRig, type Rig, takeJob } from '../apps/gateway/test/harness.ts';

let rig: Rig;
provideRig((made) => {
  rig = made;
});

const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

function open(port: number, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({
    url: `http://127.0.0.1:${port}`,
    transport: 'http',
    reconnect: { baseMs: 5, maxMs: 20 },
    ...options,
  });
  clients.push(client);
  return client;
}

async function seqsOf(events: AsyncIterable<{ seq: number }>): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of events) seqs.push(seq);
  return seqs;
}

const text = (words: string) => ({ type: 'output', text: words }) as const;

/** Lets the gateway's HTTP through, and no WebSocket; cuts all that is open on demand. */
async function startProxy(to: () => number, blocked: 'upgrade' | 'nothing') {
  const sockets = new Set<Socket>();
  const server: Server = createServer();
  server.on('connection', (client) => {
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    client.on('error', () => {});
    client.once('data', (first) => {
      if (blocked === 'upgrade' && /upgrade: websocket/i.test(String(first))) {
        client.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      const upstream = connect(to(), '127.0.0.1', () => upstream.write(first));
      upstream.on('error', () => client.destroy());
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
    });
  });
  server.removeAllListeners('request');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('over HTTP', () => {
  test('a job is submitted, listened to and ended', async () => {
    const gateway = await rig.gateway();
    const client = open(gateway.port);
    const job = await client.execute({ prompt: 'hello', metadata: { row: 1 } });
    expect(job.created).toBe(true);
    const seqs = seqsOf(job.events());
    const attempt = await takeJob(rig.log, job.jobId);
    await attempt.write(text('Hel'), text('lo.'));
    await attempt.end(completed);
    expect(await job.done()).toMatchObject({ type: 'completed' });
    expect(await seqs).toEqual([1, 2, 3, 4]);
    expect(job.text()).toBe('Hello.');
    expect(await seqsOf(job.events())).toEqual([1, 2, 3, 4]);
    const late = await client.attach(job.jobId, { afterSeq: 2 });
    expect(await seqsOf(late.events())).toEqual([3, 4]);
    const shown = await client.attach(job.jobId, { from: 'snapshot' });
    expect(await shown.done()).toMatchObject({ type: 'completed' });
    expect(shown.text()).toBe('Hello.');
    expect(await client.get(job.jobId)).toMatchObject({ status: 'completed', metadata: { row: 1 } });
    expect((await client.list({ status: 'completed', limit: 5 })).jobs).toHaveLength(1);
  });

  test('what can be asked of a job is asked, and refusals have their codes', async () => {
    const gateway = await rig.gateway();
    const client = open(gateway.port);
    const job = await client.execute({ prompt: 'hello', idempotencyKey: 'one' });
    const same = await client.execute({ prompt: 'hello', idempotencyKey: 'one' });
    expect(same).toMatchObject({ jobId: job.jobId, created: false });
    expect(await job.pause()).toMatchObject({ accepted: true });
    expect(await job.resume()).toMatchObject({ accepted: true });
    expect(await job.cancel()).toMatchObject({ accepted: true });
    expect(await job.done()).toMatchObject({ type: 'cancelled' });
    expect(await client.verify(job.jobId)).toMatchObject({ verdict: 'not_verifiable' });
    expect(await client.cancelMany({ status: 'queued' })).toEqual({ jobs: [] });
    const again = await client.rerun(job.jobId);
    expect((await again.cancel()).accepted).toBe(true);
    const end = await again.done();
    await expect(client.get(createJobId())).rejects.toMatchObject({ code: 'job_not_found' });
    await expect(client.attach(createJobId())).rejects.toMatchObject({ code: 'job_not_found' });
    const beyond = client.attach(again.jobId, { afterSeq: end.seq + 5 });
    await expect(beyond).rejects.toMatchObject({ code: 'position_ahead' });
    const wrong = client.execute({ prompt: '' });
    await expect(wrong).rejects.toBeInstanceOf(ClientError);
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_params', retryable: false });
    await expect(client.eventBody(job.jobId, 1)).rejects.toMatchObject({ code: 'body_not_found' });
  });

  test('a stream that is cut goes on at another gateway, without a hole', async () => {
    let gateway = await rig.gateway();
    const proxy = await startProxy(() => gateway.port, 'nothing');
    const client = open(proxy.port);
    const job = await client.execute({ prompt: 'hello' });
    const seqs = seqsOf(job.events());
    const attempt = await takeJob(rig.log, job.jobId);
    for await (const { seq } of job.events({ afterSeq: 0 })) if (seq === 1) break;
    gateway = await rig.gateway();
    proxy.cut();
    await attempt.write(text('Hello.'));
    await attempt.end(completed);
    expect(await seqs).toEqual([1, 2, 3]);
    expect(await job.done()).toMatchObject({ type: 'completed' });
    await client.close();
    await proxy.close();
  });

  test('a gateway that drains sends its listeners to another one', async () => {
    const gateway = await rig.gateway();
    let port = gateway.port;
    const proxy = await startProxy(() => port, 'nothing');
    const client = open(proxy.port);
    const job = await client.execute({ prompt: 'hello' });
    const seqs = seqsOf(job.events());
    const attempt = await takeJob(rig.log, job.jobId);
    for await (const { seq } of job.events({ afterSeq: 0 })) if (seq === 1) break;
    ({ port } = await rig.gateway());
    await gateway.close();
    await attempt.end(completed);
    expect(await seqs).toEqual([1, 2]);
    await client.close();
    await proxy.close();
  });
});

describe('by itself', () => {
  test.each(['upgrade', 'nothing'] as const)(
    'a client gets through a proxy that blocks %s',
    async (blocked) => {
      const gateway = await rig.gateway();
      const proxy = await startProxy(() => gateway.port, blocked);
      const client = open(proxy.port, { transport: 'auto' });
      expect((await client.connect()).connectionId === 'http').toBe(blocked === 'upgrade');
      const job = await client.execute({ prompt: 'hello' });
      await (await takeJob(rig.log, job.jobId)).end(completed);
      expect(await job.done()).toMatchObject({ type: 'completed' });
      await client.close();
      await proxy.close();
    },
  );
});
