/**
 * Webhooks of a whole stack, whose receiver checks them as any receiver may, with `standardwebhooks`: signed by each secret,
 * sent until they are taken, under one id whichever gateway sends, and whichever is killed meanwhile.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Result } from '@cc-executor/protocol';
import { freePort, type ServiceProcess, type Stack, startStack } from '@cc-executor/testing';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runNode } from './support/child.ts';
import { RESTLESS } from './support/leftovers.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const [OLD, NEW] = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
const TIMEOUT_MS = 2_000;
const PATIENCE = { timeout: 20_000, interval: 20 };

type Told = { id: string; attempts: number; body: unknown; signatures: number };

/** Takes what is signed; how it answers is the test's to say. */
function createReceiver() {
  const told = new Map<string, Told>();
  let answer = (response: ServerResponse) => void response.writeHead(204).end();
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const headers = request.headers as Record<string, string>;
    const id = headers['webhook-id'] ?? '';
    const body = new Webhook(OLD!).verify(text, headers);
    expect(new Webhook(NEW!).verify(text, headers)).toEqual(body);
    const signatures = headers['webhook-signature']?.split(' ').length ?? 0;
    told.set(id, { id, attempts: (told.get(id)?.attempts ?? 0) + 1, body, signatures });
    answer(response);
  });
  const about = (jobId: string) =>
    [...told.values()].filter(({ body }) => (body as { jobId: string }).jobId === jobId);
  return {
    server,
    about,
    /** What it has been told of a job, once it has. */
    untilTold(jobId: string): Promise<Told> {
      const only = () => {
        const [found, ...more] = about(jobId);
        expect(more).toEqual([]);
        if (found === undefined) throw new Error('it has not been told');
        return found;
      };
      return vi.waitFor(only, PATIENCE);
    },
    answerBy(next: typeof answer): void {
      answer = next;
    },
  };
}

let stack: Stack;
let receiver: ReturnType<typeof createReceiver>;
let port: number;

beforeAll(async () => {
  receiver = createReceiver();
  receiver.server.listen(0, '127.0.0.1');
  await once(receiver.server, 'listening');
  port = (receiver.server.address() as AddressInfo).port;
  const env = {
    ...RESTLESS,
    WEBHOOK_SECRETS: `${OLD} ${NEW}`,
    WEBHOOK_ALLOWED_TARGETS: '127.0.0.1',
    WEBHOOK_TIMEOUT_MS: String(TIMEOUT_MS),
    WEBHOOK_RETRY_MS: '50',
  };
  stack = await startStack({ env });
});
afterAll(async () => {
  await stack.close();
  receiver.server.closeAllConnections();
  receiver.server.close();
});
beforeEach(() => receiver.answerBy((response) => void response.writeHead(204).end()));

const url = () => `http://127.0.0.1:${port}/jobs`;
const last = () => stack.gateways.at(-1)!;

async function ask<T>(path: string, body?: object, gateway: ServiceProcess = last()): Promise<T> {
  const init = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
  const response = await fetch(`http://127.0.0.1:${gateway.ready.port}/v1${path}`, body && init);
  return (await response.json()) as T;
}

async function submit(prompt = 'hello', webhook: object = { url: url() }): Promise<string> {
  return (await ask<{ jobId: string }>('/jobs', { prompt, webhook })).jobId;
}

const get = (jobId: string) => ask<Result<'get'>>(`/jobs/${jobId}`);

/** Waits for what is seen of a job's delivery. */
function untilDelivery(jobId: string, seen: object): Promise<Result<'get'>> {
  return vi.waitFor(async () => {
    const job = await get(jobId);
    expect(job.webhook).toMatchObject(seen);
    return job;
  }, PATIENCE);
}

const untilEnded = (jobId: string) =>
  vi.waitFor(async () => expect((await get(jobId)).terminal).toBeDefined(), PATIENCE);

async function killGateway(): Promise<void> {
  last().kill('SIGKILL');
  await last().exited;
}

const slowly = `demo:${JSON.stringify({ text: 'x ', repeat: 40, delayMs: 25 })}`;

describe('a webhook', () => {
  it('tells once, signed by each secret, how the job has ended, and the job tells of it', async () => {
    const jobId = await submit();
    const { id, body, signatures } = await receiver.untilTold(jobId);
    const job = await untilDelivery(jobId, { state: 'delivered', attempts: 1, lastStatus: 204 });
    expect(body).toEqual({ type: 'completed', jobId, time: job.endedAt });
    expect(signatures).toBe(2);
    expect(job.webhook).toMatchObject({ id, origin: `http://127.0.0.1:${port}` });
    expect(JSON.stringify(job)).not.toContain('/jobs"');
  });

  it('is sent again until the receiver is back, under the same id', async () => {
    const freed = await freePort();
    const jobId = await submit('hello', { url: `http://127.0.0.1:${freed}/` });
    await untilDelivery(jobId, { state: 'pending', lastError: 'ECONNREFUSED', nextAt: expect.any(Number) });
    const back = createReceiver();
    back.server.listen(freed, '127.0.0.1');
    try {
      const { id } = await back.untilTold(jobId);
      const { webhook } = await untilDelivery(jobId, { state: 'delivered' });
      expect(webhook).toMatchObject({ id, attempts: expect.any(Number) });
      expect(webhook?.attempts).toBeGreaterThan(1);
    } finally {
      back.server.close();
    }
  });

  it('waits for nobody else, and delays no ending', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port: hanging } = silent.address() as AddressInfo;
    try {
      await Promise.all(
        Array.from({ length: 12 }, () => submit('hello', { url: `http://127.0.0.1:${hanging}/` })),
      );
      const jobId = await submit();
      await receiver.untilTold(jobId);
      expect((await get(jobId)).status).toBe('completed');
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('that is not wanted of this ending is not sent; nor is one to whom the receiver is gone, until asked for', async () => {
    receiver.answerBy((response) => void response.writeHead(410).end());
    const gone = await submit();
    const skipped = await submit('hello', { url: url(), events: ['failed'] });
    await untilDelivery(gone, { state: 'failed', attempts: 1, lastStatus: 410 });
    await untilDelivery(skipped, { state: 'skipped', attempts: 0 });
    expect(receiver.about(skipped)).toEqual([]);
    receiver.answerBy((response) => void response.writeHead(200).end());
    const cli = runNode([main, 'redeliver', gone, '--url', stack.url(stack.gateways.length - 1)]);
    expect(await cli.ended, cli.stderr()).toMatchObject({ code: 0 });
    await untilDelivery(gone, { state: 'delivered', attempts: 2 });
    expect((await receiver.untilTold(gone)).attempts).toBe(2);
    expect(await ask(`/jobs/${skipped}/redeliver`, {})).toMatchObject({ code: 'delivery_not_found' });
  });

  it.each([
    ['http://127.0.0.2/', 'beyond_ceiling'],
    ['https://169.254.169.254/latest', 'beyond_ceiling'],
    ['ftp://127.0.0.1/', 'invalid_params'],
  ])('to %s is refused before there is a job', async (target, code) => {
    expect(await ask('/jobs', { prompt: 'x', webhook: { url: target } })).toMatchObject({ code });
  });
});

describe('the gateway is killed', () => {
  it('before the ending is stored: the next one tells it', async () => {
    const jobId = await submit(slowly);
    await killGateway();
    await stack.startGateway();
    await untilEnded(jobId);
    expect((await receiver.untilTold(jobId)).attempts).toBe(1);
    await untilDelivery(jobId, { state: 'delivered', attempts: 1 });
  });

  it('while it sends: the next one tells it, under the same id', async () => {
    const held = Promise.withResolvers<void>();
    receiver.answerBy(() => void held.resolve());
    const jobId = await submit();
    await held.promise;
    const { id } = await receiver.untilTold(jobId);
    await killGateway();
    receiver.answerBy((response) => void response.writeHead(204).end());
    await stack.startGateway();
    const { webhook } = await untilDelivery(jobId, { state: 'delivered', lastStatus: 204 });
    expect(webhook?.id).toBe(id);
    expect(await receiver.untilTold(jobId)).toMatchObject({ id, attempts: 2 });
  });
});

it('without a secret a job with a webhook is refused, and one without is not', async () => {
  const other = await stack.startGateway({ WEBHOOK_SECRETS: '' });
  const asked = { prompt: 'hello', webhook: { url: url() } };
  expect(await ask('/jobs', asked, other)).toMatchObject({ code: 'webhooks_off' });
  expect(await ask('/jobs', { prompt: 'hello' }, other)).toMatchObject({ created: true });
});
