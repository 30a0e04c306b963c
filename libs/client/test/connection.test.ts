import { freePort } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import { WebSocket as WsWebSocket } from 'ws';
import { type ClientState, createClient } from '../src/index.ts';
import { attachedTo, connectPair, failure, openClient, startGateway, startJob } from './harness.ts';
import { completed, queued, scriptJob } from './scripted-gateway.ts';

function recordStates(client: ReturnType<typeof createClient>): ClientState[] {
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  return states;
}

const reachState = (client: ReturnType<typeof createClient>, wanted: ClientState) =>
  new Promise<void>((resolve) => client.on('state', (state) => state === wanted && resolve()));

describe('connecting', () => {
  it('gives what the gateway announces', async () => {
    const gateway = await startGateway({ heartbeatMs: 12_345 });
    const client = openClient(gateway.url);
    const states = recordStates(client);
    expect(await client.connect()).toMatchObject({ version: '1', heartbeatMs: 12_345 });
    expect(client.state).toBe('connected');
    expect(states).toEqual(['connecting', 'connected']);
  });

  it('fails with connect_failed when nobody listens, and may be tried again', async () => {
    const port = await freePort();
    const client = openClient(`ws://127.0.0.1:${port}/ws`);
    const error = await failure(client.connect());
    expect(error.code).toBe('connect_failed');
    expect(error.retryable).toBe(true);
    expect(error.message).toContain(`ws://127.0.0.1:${port}/ws`);
    expect(client.state).toBe('idle');
    await startGateway({ port });
    await expect(client.connect()).resolves.toMatchObject({ version: '1' });
  });

  it('fails with connect_failed for an invalid URL', async () => {
    expect((await failure(openClient('no url').connect())).code).toBe('connect_failed');
  });

  it('fails with connect_failed when the gateway opens but says nothing', async () => {
    const gateway = await startGateway({ greet: false });
    const client = openClient(gateway.url, { connectTimeoutMs: 30 });
    expect((await failure(client.connect())).code).toBe('connect_failed');
  });

  it('fails with protocol_violation when the gateway begins with something else', async () => {
    const gateway = await startGateway({ greet: false });
    const client = openClient(gateway.url);
    const connecting = failure(client.connect());
    (await gateway.accept()).notify('connected', { sessionId: 'the other door' });
    expect((await connecting).code).toBe('protocol_violation');
    expect(client.state).toBe('closed');
  });

  it('refuses a gateway of another version', async () => {
    const gateway = await startGateway({ greet: false });
    const client = openClient(gateway.url);
    const connecting = failure(client.connect());
    const limits = { maxFrameBytes: 1, maxAttachments: 1 };
    const params = { connectionId: 'conn_1', version: '2', heartbeatMs: 1, limits };
    (await gateway.accept()).notify('connected', params);
    expect((await connecting).code).toBe('protocol_violation');
  });

  it('connects by itself at the first request', async () => {
    const gateway = await startGateway();
    const client = openClient(gateway.url);
    const listing = client.list();
    const connection = await gateway.accept();
    connection.reply(await connection.expect('list'), { jobs: [] });
    expect(await listing).toEqual({ jobs: [] });
  });

  it('works with the constructor of the ws package', async () => {
    const { client, connection } = await connectPair({ WebSocket: WsWebSocket });
    const { handle, job } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    expect((await handle.done()).type).toBe('completed');
  });
});

describe('closing', () => {
  it('ends every request, job and iterator with connection_closed, and is idempotent', async () => {
    const { client, connection } = await connectPair();
    const { handle } = await startJob(client, connection);
    const ends = [client.list(), handle.done(), handle.events().next()].map(failure);
    await Promise.all([client.close(), client.close()]);
    for (const end of ends) expect((await end).code).toBe('connection_closed');
    expect((await failure(client.list())).code).toBe('connection_closed');
    expect((await failure(client.connect())).code).toBe('connection_closed');
    expect((await failure(handle.events({ afterSeq: 5 }).next())).code).toBe('connection_closed');
    expect(await connection.closed).toBe(1000);
  });

  it('closes a client that never connected', async () => {
    const client = createClient({ url: 'ws://127.0.0.1:1/ws' });
    await client.close();
    expect(client.state).toBe('closed');
  });
});

describe('losing the connection', () => {
  it('comes back after a cut and after a code that allows it', async () => {
    const { gateway, client, connection } = await connectPair();
    const states = recordStates(client);
    connection.cut();
    const second = await gateway.accept();
    await reachState(client, 'connected');
    second.close(4001, 'slow_consumer');
    await gateway.accept();
    await reachState(client, 'connected');
    expect(states).toEqual(['reconnecting', 'connected', 'reconnecting', 'connected']);
  });

  it.each([4500, 4999, 1009])('does not come back after %i', async (code) => {
    const { client, connection } = await connectPair();
    const { handle } = await startJob(client, connection);
    connection.close(code, 'never again');
    const error = await failure(handle.done());
    expect(error.code).toBe('connection_closed');
    expect(error.message).toContain('never again');
    expect(error.jobId).toBe(handle.jobId);
    expect(client.state).toBe('closed');
  });

  it('gives up after the last attempt and ends what waits with connect_failed', async () => {
    const { gateway, client, connection } = await connectPair({
      reconnect: { baseMs: 1, maxMs: 1, attempts: 3 },
    });
    const { handle } = await startJob(client, connection);
    const ends = [handle.done(), handle.events().next()].map(failure);
    await gateway.close();
    ends.push(failure(client.list()));
    for (const end of ends) expect((await end).code).toBe('connect_failed');
    expect(client.state).toBe('idle');
  });

  it('gives up on a gateway that attaches and drops it each time', async () => {
    const { gateway, client, connection } = await connectPair({
      reconnect: { baseMs: 1, maxMs: 1, attempts: 3 },
    });
    const { handle, job } = await startJob(client, connection);
    const end = failure(handle.done());
    connection.cut();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const next = await gateway.accept();
      next.reply(await next.expect('attach'), attachedTo(job, 1));
      next.cut();
    }
    expect((await end).code).toBe('connect_failed');
  });

  it('counts as dead when no heartbeat comes, and reconnects without waiting for a closing handshake', async () => {
    const { gateway, connection } = await connectPair({}, { heartbeatMs: 20 });
    await gateway.accept();
    expect(await connection.closed).toBe(4002);
  });

  it('stays while heartbeats come', async () => {
    const { client, connection } = await connectPair({}, { heartbeatMs: 40 });
    const states = recordStates(client);
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = 20;
    const timer = setInterval(() => {
      connection.notify('heartbeat', { jobs: [] });
      left -= 1;
      if (left === 0) resolve();
    }, 10);
    await promise;
    clearInterval(timer);
    expect(states).toEqual([]);
  });

  it('reads the frames that waited while the event loop was blocked before it counts as dead', async () => {
    const { client, connection } = await connectPair({}, { heartbeatMs: 250 });
    const listing = client.list();
    const request = await connection.expect('list');
    connection.reply(request, { jobs: [] });
    const until = performance.now() + 700;
    while (performance.now() < until) {
      // Blocked.
    }
    expect(await listing).toEqual({ jobs: [] });
    expect(client.state).toBe('connected');
  });

  it('reconnects after a goaway when the gateway said, and sends meanwhile requests there', async () => {
    const { gateway, client, connection } = await connectPair();
    const { handle, job } = await startJob(client, connection);
    const iterator = handle.events();
    connection.notify('goaway', { reason: 'drain', reconnectAfterMs: 20 });
    connection.notify('event', job.event(1, queued));
    expect((await iterator.next()).value.seq).toBe(1);
    const listing = client.list();
    const second = await gateway.accept();
    const requests = [await second.expect('list'), await second.expect('attach')];
    second.reply(requests[0]!, { jobs: [] });
    expect(await listing).toEqual({ jobs: [] });
    expect(requests[1]!.params).toEqual({ jobId: job.jobId, afterSeq: 1, batches: true, epoch: job.epoch });
    expect(await connection.closed).toBe(1000);
    expect(connection.unexpected()).toEqual([]);
  });

  it('waits out the goaway when the gateway closes before', async () => {
    const { gateway, connection } = await connectPair({ reconnect: { baseMs: 0, maxMs: 0 } });
    const saidAt = performance.now();
    connection.notify('goaway', { reason: 'drain', reconnectAfterMs: 60 });
    connection.close(4000, 'going_away');
    await gateway.accept();
    expect(performance.now() - saidAt).toBeGreaterThanOrEqual(55);
  });
});

describe('requests', () => {
  it('gives the error of the gateway with its code', async () => {
    const { client, connection } = await connectPair();
    const getting = failure(client.get(scriptJob().jobId));
    connection.refuse(await connection.expect('get'), 'unavailable', 250);
    expect(await getting).toMatchObject({ code: 'unavailable', retryable: true, retryAfterMs: 250 });
  });

  it('fails with request_timeout when no answer comes, and ignores a late one', async () => {
    const { client, connection } = await connectPair({ requestTimeoutMs: 250 });
    const listing = failure(client.list());
    const request = await connection.expect('list');
    expect(await listing).toMatchObject({ code: 'request_timeout', retryable: true });
    connection.reply(request, { jobs: [] });
    const second = client.list();
    connection.reply(await connection.expect('list'), { jobs: [], cursor: 'x' });
    expect(await second).toEqual({ jobs: [], cursor: 'x' });
  });

  it('sends a request whose answer was lost again, with the same idempotency key', async () => {
    const { gateway, client, connection } = await connectPair();
    const executing = client.execute({ prompt: 'hello' });
    const first = await connection.expect('execute');
    expect(first.params.idempotencyKey).toMatch(/^sdk-[0-9a-f]{32}$/);
    connection.cut();
    const second = await gateway.accept();
    const again = await second.expect('execute');
    expect(again.params).toEqual(first.params);
    const job = scriptJob();
    second.reply(again, { ...job.accepted, created: false });
    expect((await executing).created).toBe(false);
  });

  it('does not count the time without a connection', async () => {
    const { gateway, client, connection } = await connectPair({ requestTimeoutMs: 200 });
    const listing = client.list();
    await connection.expect('list');
    connection.notify('goaway', { reason: 'drain', reconnectAfterMs: 300 });
    connection.close(4000, 'going_away');
    const second = await gateway.accept();
    second.reply(await second.expect('list'), { jobs: [] });
    expect(await listing).toEqual({ jobs: [] });
  });

  it('does not send for ever what breaks each connection', async () => {
    const { gateway, client, connection } = await connectPair();
    const executing = failure(client.execute({ prompt: 'hello', idempotencyKey: 'mine' }));
    let current = connection;
    for (let sent = 0; sent < 5; sent += 1) {
      await current.expect('execute');
      current.cut();
      current = await gateway.accept();
    }
    expect(await executing).toMatchObject({ code: 'request_timeout', idempotencyKey: 'mine' });
  });

  it('carries a request that a draining gateway refused to the next connection', async () => {
    const { gateway, client, connection } = await connectPair();
    const executing = client.execute({ prompt: 'hello' });
    connection.refuse(await connection.expect('execute'), 'draining');
    const second = await gateway.accept();
    second.reply(await second.expect('execute'), scriptJob().accepted);
    expect((await executing).created).toBe(true);
  });

  it('refuses what is larger than the gateway takes, without sending it', async () => {
    const { client, connection } = await connectPair({}, { maxFrameBytes: 200 });
    expect((await failure(client.execute({ prompt: 'ü'.repeat(100) }))).code).toBe('invalid_params');
    const listing = client.list();
    connection.reply(await connection.expect('list'), { jobs: [] });
    await listing;
  });

  it('fails with protocol_violation on an answer that does not fit the schema', async () => {
    const { client, connection } = await connectPair();
    const listing = failure(client.list());
    connection.reply(await connection.expect('list'), { jobs: 'many' });
    expect((await listing).code).toBe('protocol_violation');
    expect(client.state).toBe('connected');
  });

  it('fails with protocol_violation on an error that is not in the table', async () => {
    const { client, connection } = await connectPair();
    const listing = failure(client.list());
    const { id } = await connection.expect('list');
    connection.raw(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -1, message: 'what' } }));
    expect((await listing).code).toBe('protocol_violation');
  });
});

describe('frames', () => {
  it.each([
    ['that is not JSON', 'not json'],
    ['of bytes', Buffer.from('{}')],
    ['that is no message', '{"jsonrpc":"2.0"}'],
    ['with an event that has no seq', '{"jsonrpc":"2.0","method":"event","params":{"jobId":"job_1"}}'],
    ['with a broken heartbeat', '{"jsonrpc":"2.0","method":"heartbeat","params":{}}'],
  ])('ends everything with protocol_violation on a frame %s', async (_, data) => {
    const { client, connection } = await connectPair();
    const listing = failure(client.list());
    connection.raw(data);
    expect((await listing).code).toBe('protocol_violation');
    expect(client.state).toBe('closed');
  });

  it('tells when the gateway cannot read its log, and when it can again', async () => {
    const { client, connection } = await connectPair();
    const told: string[] = [];
    const restored = new Promise<void>((resolve) => {
      client.on('health', (health) => {
        told.push(health);
        if (health === 'restored') resolve();
      });
    });
    connection.notify('degraded', { reason: 'Redis is away' });
    connection.notify('restored', {});
    await restored;
    expect(told).toEqual(['degraded', 'restored']);
  });

  it('ignores notifications it does not know', async () => {
    const { client, connection } = await connectPair();
    connection.notify('weather', { sunny: true });
    const { handle, job } = await startJob(client, connection);
    connection.notify('event', job.event(1, completed));
    expect((await handle.done()).seq).toBe(1);
  });
});
