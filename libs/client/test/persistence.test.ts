/** A client does not give up while a job needs it, and can be revived when it did. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Client, ClientState } from '../src/index.ts';
import { attachedTo, connectPair, failure, startGateway, startJob } from './harness.ts';
import { completed } from './scripted-gateway.ts';

const AT_ONCE = { baseMs: 0, maxMs: 0 };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function reach(client: Client, wanted: ClientState): Promise<void> {
  return new Promise((resolve) => client.on('state', (state) => state === wanted && resolve()));
}

/** Counts the tries to connect; `after(n)` resolves with the n-th. */
function countTries() {
  const waiting = new Map<number, () => void>();
  let tries = 0;
  return {
    WebSocket: class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        tries += 1;
        waiting.get(tries)?.();
      }
    },
    after: (n: number) => new Promise<void>((resolve) => waiting.set(n, resolve)),
  };
}

describe('a client without a gateway', () => {
  it('tries on while it listens to a job, and goes on where it stood', async () => {
    const { WebSocket, after } = countTries();
    const { gateway, client, connection } = await connectPair({ WebSocket, reconnect: AT_ONCE });
    const { handle, job } = await startJob(client, connection);
    const port = Number(new URL(gateway.url).port);
    const tried = after(60);
    await gateway.close();
    await tried;
    expect(client.state).toBe('reconnecting');
    const back = await (await startGateway({ port })).accept();
    const attach = await back.expect('attach');
    expect(attach.params).toMatchObject({ jobId: job.jobId, afterSeq: 0 });
    back.reply(attach, attachedTo(job, 1));
    back.notify('event', job.event(1, completed));
    expect((await handle.done()).type).toBe('completed');
  });

  it('lets no request wait for ever meanwhile', async () => {
    const { WebSocket, after } = countTries();
    const options = { WebSocket, reconnect: AT_ONCE, offlineTimeoutMs: 5 };
    const { gateway, client, connection } = await connectPair(options);
    await startJob(client, connection);
    const ends = [failure(client.list())];
    connection.cut();
    const tried = after(30);
    await gateway.close();
    ends.push(failure(client.list()));
    expect((await ends[0]!).code).toBe('connect_failed');
    expect((await ends[1]!).code).toBe('connect_failed');
    await tried;
    expect((await failure(client.connect())).code).toBe('connect_failed');
    expect(client.state).toBe('reconnecting');
  });

  it('rests when it listens to nothing, and connects again for the next request', async () => {
    const { gateway, client } = await connectPair({ reconnect: AT_ONCE, offlineTimeoutMs: 5 });
    const port = Number(new URL(gateway.url).port);
    const resting = reach(client, 'idle');
    await gateway.close();
    await resting;
    const again = await startGateway({ port });
    const listing = client.list();
    const connection = await again.accept();
    connection.reply(await connection.expect('list'), { jobs: [] });
    expect(await listing).toEqual({ jobs: [] });
  });

  it('is revived by connect() after a close that forbids coming back', async () => {
    const { gateway, client, connection } = await connectPair();
    connection.close(4500, 'never again');
    await reach(client, 'closed');
    expect((await failure(client.list())).code).toBe('connection_closed');
    await client.connect();
    await gateway.accept();
    expect(client.state).toBe('connected');
  });
});

describe('waking', () => {
  it.each(['online', 'visibilitychange'])('tries at once at %s', async (signal) => {
    const page = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    vi.stubGlobal('document', document);
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const hour = 3_600_000;
    const { gateway, client, connection } = await connectPair({ reconnect: { baseMs: hour, maxMs: hour } });
    await startJob(client, connection);
    const lost = reach(client, 'reconnecting');
    connection.cut();
    await lost;
    const target = signal === 'online' ? page : document;
    target.dispatchEvent(new Event(signal));
    await (await gateway.accept()).expect('attach');
  });
});
