import { anybody } from '@cc-executor/identity';
import { createVault, type JobSpec, type Vault } from '@cc-executor/job-log';
import { RedisUnavailableError, redisErrorOf } from '@cc-executor/redis';
import type { TestRedis, WireClient } from '@cc-executor/testing';
import { describe, expect, test } from 'vitest';
import { createAccept } from '../src/operations/accept.ts';
import {
  completed,
  createRig,
  freshMetrics,
  noCeilings,
  noGrants,
  output,
  provideRig,
  type Rig,
  silent,
  TENANT,
  takeJob,
  untilTrue,
  vault,
} from './harness.ts';

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

describe('an idempotency key', () => {
  test('with the same payload gives the same job, whatever the order of its members', async () => {
    const client = await rig.connect(await rig.gateway());
    const first = await client.request('execute', {
      prompt: 'x',
      idempotencyKey: 'k',
      metadata: { a: 1, b: { c: 2, d: [{ e: 3, f: 4 }] } },
      attach: false,
    });
    const again = await client.request('execute', {
      metadata: { b: { d: [{ f: 4, e: 3 }], c: 2 }, a: 1 },
      idempotencyKey: 'k',
      prompt: 'x',
    });
    expect(first.result.created).toBe(true);
    expect(again.result).toEqual({ ...first.result, created: false });
  });

  test('with another payload is a conflict', async () => {
    const client = await rig.connect(await rig.gateway());
    await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    for (const other of [
      { prompt: 'y' },
      { prompt: 'x', model: 'm' },
      { prompt: 'x', metadata: { a: [2, 1] } },
    ]) {
      const { error } = await client.request('execute', { ...other, idempotencyKey: 'k' });
      expect(error).toMatchObject({ code: -32002, data: { code: 'idempotency_conflict', retryable: false } });
    }
  });

  test('used on two gateways at once makes one job', async () => {
    const gateways = await Promise.all([rig.gateway(), rig.gateway()]);
    const clients = await Promise.all(gateways.map(rig.connect));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        clients[i % 2]?.request('execute', { prompt: 'x', idempotencyKey: 'k', attach: false }),
      ),
    );
    const results = answers.map((answer) => answer?.result);
    expect(new Set(results.map(({ jobId }) => jobId)).size).toBe(1);
    expect(new Set(results.map(({ epoch }) => epoch)).size).toBe(1);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    expect((await rig.log.list('default', { limit: 10 })).jobs).toHaveLength(1);
  });

  test('of an ended job brings its events, and runs nothing', async () => {
    const gateway = await rig.gateway();
    const client = await rig.connect(gateway);
    const { result } = await client.request('execute', { prompt: 'x', idempotencyKey: 'k', attach: false });
    const attempt = await takeJob(rig.log, result.jobId);
    await attempt.write(output('answer'));
    await attempt.end(completed);
    await rig.loseEntry(result.jobId);
    const again = await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    expect(again.result).toMatchObject({ jobId: result.jobId, status: 'completed', created: false });
    expect((await client.untilTerminal(result.jobId)).map(({ type }) => type)).toEqual([
      'queued',
      'output',
      'completed',
    ]);
    // There is no queue entry: making sure of one makes one.
    expect(await gateway.producer.ensure([{ jobId: result.jobId, tenant: TENANT, priority: 0 }])).toEqual([
      'made',
    ]);
  });

  test('of a job that this connection listens to is answered, and brings no event twice', async () => {
    const client = await rig.connect(await rig.gateway());
    const { result } = await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    const again = await client.request('execute', { prompt: 'x', idempotencyKey: 'k' });
    expect(again.result).toEqual({ ...result, created: false });
    const attempt = await takeJob(rig.log, result.jobId);
    await attempt.end(completed);
    expect((await client.untilTerminal(result.jobId)).map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

test('an idempotency key whose job is gone gives a new one, and no job runs twice, whoever asks when it goes', async () => {
  const short = await createRig(server, { retentionMs: 1_000 });
  try {
    const gateways = [await short.gateway(), await short.gateway()];
    const clients = await Promise.all([...gateways, ...gateways].map((gateway) => short.connect(gateway)));
    const created: string[] = [];
    const found = new Set<string>();
    const askAgainAndAgain = async (client: WireClient) => {
      while (created.length < 3) {
        const request = { prompt: 'x', idempotencyKey: 'k', attach: false };
        const { result, error } = await client.request('execute', request);
        // A machine that stands still for longer than a key is reserved is asked again.
        if (error?.data.retryable) continue;
        if (error) throw new Error(JSON.stringify(error));
        found.add(result.jobId);
        if (!result.created) continue;
        created.push(result.jobId);
        await takeJob(short.log, result.jobId).then((attempt) => attempt.end(completed));
      }
    };
    await Promise.all(clients.map(askAgainAndAgain));
    expect(new Set(created).size).toBe(created.length);
    expect([...found].sort()).toEqual([...created].sort());
    // Once it is free, it is so for another payload, too.
    const other = { prompt: 'y', idempotencyKey: 'k', attach: false };
    await untilTrue(async () => (await short.log.get(TENANT, created.at(-1) ?? '')) === undefined);
    expect((await clients[0]?.request('execute', other))?.result).toMatchObject({ created: true });
  } finally {
    await short.close();
  }
});

const connected = { isReady: () => true, untilReady: async () => undefined, keepsOrder: true };

test.each(['reserve', 'create', 'createReserved'] as const)(
  'an execute whose batch broke while it was answered (%s) is accepted all the same, and once',
  async (broken) => {
    let breaks = 0;
    /** Done, and its answer cut off with those of the rest of its batch. */
    const cutShort = <A extends unknown[], R>(name: string, work: (...args: A) => Promise<R>) => {
      return async (...args: A) => {
        const result = await work(...args);
        if (name !== broken || breaks > 0) return result;
        breaks += 1;
        throw redisErrorOf(Object.assign(new Error('Command aborted'), { name: 'AbortError' }));
      };
    };
    const gateway = await rig.gateway({
      wrapLog: (log) => ({
        ...log,
        reserve: cutShort('reserve', log.reserve),
        create: cutShort('create', log.create),
        createReserved: cutShort('createReserved', log.createReserved),
      }),
    });
    const client = await rig.connect(gateway);
    const key = broken === 'create' ? {} : { idempotencyKey: 'k' };
    const { result } = await client.request('execute', { prompt: 'x', attach: false, ...key });
    expect([breaks, result.created]).toEqual([1, true]);
    expect((await client.request('list')).result.jobs).toMatchObject([{ jobId: result.jobId }]);
    expect(await gateway.producer.ensure([{ jobId: result.jobId, tenant: TENANT, priority: 0 }])).toEqual([
      'waits',
    ]);
  },
);

const ledger = { nextGone: async () => undefined };

test('what could be neither enqueued nor listened to now is not accepted', async () => {
  let isReady = false;
  const enqueued: string[] = [];
  const accept = createAccept({
    acceptLog: rig.log,
    replication: undefined,
    connection: { ...connected, isReady: () => isReady },
    ceilings: noCeilings,
    holdersOf: () => [],
    ledger,
    grants: noGrants,
    showTitles: true,
    vault,
    webhookTargets: undefined,
    producer: {
      marks: async () => [],
      async enqueue({ jobId }) {
        enqueued.push(jobId);
        return 'made';
      },
    },
    metrics: freshMetrics(),
    logger: silent,
  });
  await expect(accept(anybody, { prompt: 'x', idempotencyKey: 'k' })).rejects.toThrow(RedisUnavailableError);
  isReady = true;
  const { jobId, created } = await accept(anybody, { prompt: 'x', idempotencyKey: 'k' });
  expect([created, enqueued]).toEqual([true, [jobId]]);
});

test.each([
  { keepsOrder: true, key: {}, order: ['enqueued', 'recorded'] },
  { keepsOrder: true, key: { idempotencyKey: 'new' }, order: ['enqueued', 'recorded'] },
  { keepsOrder: false, key: {}, order: ['recorded', 'enqueued'] },
])(
  'a new job is enqueued once, not waiting for its record where it comes behind that: %o',
  async ({ keepsOrder, key, order }) => {
    const seen: string[] = [];
    const recorded = <T>(answer: T): T => {
      seen.push('recorded');
      return answer;
    };
    const accept = createAccept({
      acceptLog: {
        ...rig.log,
        create: async (...args) => recorded(await rig.log.create(...args)),
        createReserved: async (...args) => recorded(await rig.log.createReserved(...args)),
      },
      replication: undefined,
      connection: { ...connected, keepsOrder },
      ceilings: noCeilings,
      holdersOf: () => [],
      ledger,
      grants: noGrants,
      showTitles: true,
      vault,
      webhookTargets: undefined,
      producer: {
        marks: async () => [],
        async enqueue() {
          seen.push('enqueued');
          return 'made';
        },
      },
      metrics: freshMetrics(),
      logger: silent,
    });
    await accept(anybody, { prompt: 'x', ...key });
    expect(seen).toEqual(order);
  },
);

test('an accepted job whose gateway died before enqueueing it gets its entry from a repeated execute', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const dead = createAccept({
    acceptLog: rig.log,
    replication: undefined,
    connection: connected,
    ceilings: noCeilings,
    holdersOf: () => [],
    ledger,
    grants: noGrants,
    showTitles: true,
    vault,
    webhookTargets: undefined,
    producer: { marks: async () => [], enqueue: () => Promise.reject(new Error('the gateway died here')) },
    metrics: freshMetrics(),
    logger: silent,
  });
  const { jobId, created } = await dead(anybody, { prompt: 'x', idempotencyKey: 'k' });
  expect(created).toBe(true);
  const { result } = await client.request('execute', { prompt: 'x', idempotencyKey: 'k', attach: false });
  expect(result).toMatchObject({ jobId, created: false });
  expect(await gateway.producer.ensure([{ jobId, tenant: TENANT, priority: 0 }])).toEqual(['waits']);
});

test('an `execute` without an id is accepted and attached', async () => {
  const client = await rig.connect(await rig.gateway());
  client.send('{"jsonrpc":"2.0","method":"execute","params":{"prompt":"x"}}');
  const { params } = await client.until(({ method }) => method === 'event');
  const attempt = await takeJob(rig.log, params.jobId);
  await attempt.end(completed);
  await client.untilTerminal(params.jobId);
  expect(client.messages.every(({ result, error }) => !result && !error)).toBe(true);
});

describe('environment variables and attachments', () => {
  const env = { TOKEN: 'the-value-4711' };
  const attachments = [{ mediaType: 'text/plain' as const, data: 'QSBub3Rl' }];

  async function specOf(jobId: string): Promise<JobSpec> {
    const begun = await rig.log.begin(jobId, 60_000, 'owner');
    if (!('attempt' in begun)) throw new Error(begun.code);
    return begun.attempt.spec;
  }

  function acceptWith(keys: Vault | undefined) {
    const enqueued: string[] = [];
    const accept = createAccept({
      acceptLog: rig.log,
      replication: undefined,
      connection: connected,
      ceilings: noCeilings,
      holdersOf: () => [],
      ledger,
      grants: noGrants,
      showTitles: true,
      vault: keys,
      webhookTargets: undefined,
      producer: {
        marks: async () => [],
        async enqueue({ jobId }) {
          enqueued.push(jobId);
          return 'made';
        },
      },
      metrics: freshMetrics(),
      logger: silent,
    });
    return { accept, enqueued };
  }

  test('are kept sealed, for the job alone', async () => {
    const client = await rig.connect(await rig.gateway());
    const { result } = await client.request('execute', { prompt: 'x', env, attachments, attach: false });
    const spec = await specOf(result.jobId);
    expect(Object.keys(spec).sort()).toEqual(['prompt', 'sealed']);
    expect(vault.open(spec.sealed ?? '', result.jobId)).toEqual({ env, attachments });
  });

  test('tell payloads of one idempotency key apart, and the key opens the job that it is of', async () => {
    const client = await rig.connect(await rig.gateway());
    const params = { prompt: 'x', idempotencyKey: 'k', env: { A: '1', B: '2' }, attachments, attach: false };
    const first = await client.request('execute', params);
    const again = await client.request('execute', { ...params, env: { B: '2', A: '1' } });
    expect(again.result).toEqual({ ...first.result, created: false });
    for (const other of [{ env: { A: '1', B: '3' } }, { attachments: [] }]) {
      const { error } = await client.request('execute', { ...params, ...other });
      expect(error.data.code).toBe('idempotency_conflict');
    }
    const spec = await specOf(first.result.jobId);
    expect(vault.open(spec.sealed ?? '', first.result.jobId)).toEqual({ env: params.env, attachments });
  });

  test('are known by their idempotency key also while the key that seals them is changed', async () => {
    const [old, fresh] = ['an-old-key-of-these-tests-long-enough', 'a-new-key-of-these-tests-long-enough'];
    const params = { prompt: 'x', idempotencyKey: 'k', env };
    const { jobId } = await acceptWith(createVault([old])).accept(anybody, params);
    const { accept } = acceptWith(createVault([fresh, old]));
    expect(await accept(anybody, params)).toMatchObject({ jobId, created: false });
    const other = accept(anybody, { ...params, env: { TOKEN: 'another' } });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });

  test('are refused where there is no key, and nothing is accepted; none at all are not', async () => {
    const { accept, enqueued } = acceptWith(undefined);
    for (const secrets of [{ env }, { attachments }]) {
      const refused = accept(anybody, { prompt: 'x', ...secrets });
      await expect(refused).rejects.toMatchObject({ code: 'secrets_off' });
    }
    expect(enqueued).toEqual([]);
    const { jobId } = await accept(anybody, { prompt: 'x', env: {}, attachments: [] });
    expect(enqueued).toEqual([jobId]);
  });
});
