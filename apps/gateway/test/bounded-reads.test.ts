/** What reading may cost: Redis's replies, how many are asked for at once, and what happens when its buffers overrun. */
import type { ReadLog } from '@cc-executor/job-log';
import { createEpoch, createJobId } from '@cc-executor/protocol';
import type { TestRedis, WholeLog } from '@cc-executor/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limitReads } from '../src/listening/read-limit.ts';
import { completed, output, provideRig, type Rig, TENANT, takeJob } from './harness.ts';

const KB = 1024;

let server: TestRedis;
let rig: Rig;

provideRig((made, redis) => {
  rig = made;
  server = redis;
});

async function createJobs(count: number, prompt: string): Promise<string[]> {
  const jobIds = Array.from({ length: count }, createJobId);
  const job = { tenant: TENANT, queueMs: 60_000, totalMs: 60_000, retry: 'safe' } as const;
  const spec = { prompt, metadata: { who: 'me' } };
  await Promise.all(jobIds.map((jobId) => rig.log.create({ ...job, jobId, epoch: createEpoch(), spec })));
  return jobIds;
}

async function statistic(name: string): Promise<number> {
  const info = String(await server.admin.info('stats'));
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
}

/** Wraps a log; counts how many of these reads are under way at once. */
function countAtOnce(log: WholeLog, method: 'list' | 'get' | 'eventBody') {
  const seen = { now: 0, most: 0 };
  async function counted<T>(read: () => Promise<T>): Promise<T> {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    try {
      return await read();
    } finally {
      seen.now -= 1;
    }
  }
  const reads: Record<typeof method, Partial<WholeLog>> = {
    list: { list: (...args) => counted(() => log.list(...args)) },
    get: { get: (...args) => counted(() => log.get(...args)) },
    eventBody: { body: (...args) => counted(() => log.body(...args)) },
  };
  return { seen, wrapped: { ...log, ...reads[method] } };
}

describe('a list', () => {
  test('reads no prompt', async (context) => {
    if (server.kind === 'embedded')
      context.skip('the embedded server does not count the bytes that it sends');
    await createJobs(100, 'p'.repeat(195 * KB));
    const gateway = await rig.gateway();
    const client = await rig.connect(gateway);
    const before = await statistic('total_net_output_bytes');
    const { result } = await client.request('list', { limit: 100 });
    expect((await statistic('total_net_output_bytes')) - before).toBeLessThan(200 * KB);
    expect(result.jobs).toHaveLength(100);
    expect(result.jobs[0].metadata).toEqual({ who: 'me' });
  });

  test.each(['list', 'get', 'eventBody'] as const)(
    'or a `get`, or a body, of one connection waits for the one before: %s',
    async (method) => {
      const [jobId = ''] = await createJobs(1, 'x');
      const { fence } = await takeJob(rig.log, jobId);
      const kept = [{ seq: 2, bytes: 2, sha256: 'x', pages: ['{}'] }];
      const bodies = [JSON.stringify(output('x'))];
      await rig.log.append({ jobId, fence, firstSeq: 2, bodies, kept, hasOutput: true });
      const counts: ReturnType<typeof countAtOnce>['seen'][] = [];
      const gateway = await rig.gateway({
        wrapLog(log) {
          const { seen, wrapped } = countAtOnce(log, method);
          counts.push(seen);
          return wrapped;
        },
      });
      const [one, other] = [await rig.connect(gateway), await rig.connect(gateway)];
      const params = { list: {}, get: { jobId }, eventBody: { jobId, seq: 2 } }[method];
      const answers = await Promise.all(Array.from({ length: 64 }, () => one.request(method, params)));
      expect(answers.every(({ result }) => result)).toBe(true);
      expect(answers.map(({ id }) => id)).toEqual(
        answers.map(({ id }) => id).toSorted((a, b) => Number(a) - Number(b)),
      );
      expect(counts.map(({ most }) => most)).toEqual([1]);
      await Promise.all([one, other].map((client) => client.request(method, params)));
    },
  );
});

test('no more reads are under way in a gateway at once than it may have, and all are done, in order', async () => {
  const { seen, wrapped } = countAtOnce(rig.log, 'get');
  const limited = limitReads(wrapped, { maxReads: 4, maxReadsOfTenant: 4 });
  const [jobId = ''] = await createJobs(1, 'x');
  const done: number[] = [];
  const reads = Array.from({ length: 100 }, async (_, i) => {
    // One of them fails: its place is given on as well.
    if (i === 10) await expect(limited.get(TENANT, null as never)).resolves.toBeUndefined();
    else expect((await limited.get(TENANT, jobId))?.job.jobId).toBe(jobId);
    done.push(i);
  });
  await Promise.all(reads);
  expect(seen).toEqual({ now: 0, most: 4 });
  expect(done).toHaveLength(100);
});

test('a tenant has few reads under way, and another one waits for none of those that it has asked for', async () => {
  const begun: { whose: string; end: () => void }[] = [];
  const get: ReadLog['get'] = (whose) =>
    new Promise((resolve) => begun.push({ whose, end: () => resolve(undefined) }));
  const limited = limitReads({ ...rig.log, get }, { maxReads: 6, maxReadsOfTenant: 4 });
  const names = () => begun.map(({ whose }) => whose).join(' ');
  const ask = (whose: string) => limited.get(whose, 'job');
  const asked = Array.from({ length: 100 }, () => ask('loud'));
  expect(names()).toBe('loud loud loud loud');
  asked.push(ask('quiet'), ask('quiet'), ask('quiet'), ask('third'));
  expect(names()).toBe('loud loud loud loud quiet quiet');
  // Each that ends makes room for whoever's turn it is.
  const ended = async (count: number) => {
    for (const { end } of begun.splice(0, count)) end();
    await new Promise(setImmediate);
  };
  await ended(3);
  expect(names()).toBe('loud quiet quiet loud quiet third');
  while (begun.length > 0) await ended(6);
  await Promise.all(asked);
});

test('pages are small, and one at a time for each tenant, while several ask, and only then', async () => {
  const begun: { whose: string; maxBytes: number; end: () => void }[] = [];
  const range: ReadLog['range'] = (whose, _jobId, { maxBytes }) =>
    new Promise((resolve) => begun.push({ whose, maxBytes, end: () => resolve(undefined) }));
  const limited = limitReads({ ...rig.log, range, positions: async () => new Map() });
  const shown = () => begun.map(({ whose, maxBytes }) => `${whose} ${maxBytes / KB}`);
  const ask = (whose: string) =>
    limited.range(whose, 'job', { afterSeq: 0, maxEvents: 10, maxBytes: 512 * KB });
  const alone = [ask('loud'), ask('loud'), ask('loud')];
  expect(shown()).toEqual(['loud 512', 'loud 512', 'loud 512']);
  await limited.positions('quiet', []);
  const shared = [ask('loud'), ask('loud'), ask('quiet')];
  expect(shown().slice(3)).toEqual(['quiet 128']);
  for (const { end } of begun.splice(0)) end();
  await Promise.all([...alone, shared[2]]);
  expect(shown()).toEqual(['loud 128']);
  for (const { end } of begun.splice(0)) end();
  await shared[0];
  expect(shown()).toEqual(['loud 128']);
  for (const { end } of begun.splice(0)) end();
  await shared[1];
});

describe('when Redis cuts off a connection whose output buffer overran', () => {
  let ours = '';

  beforeEach((context) => {
    if (server.kind === 'embedded') context.skip('the embedded server knows no client-output-buffer-limit');
  });
  beforeEach(async () => {
    ours = ((await server.admin.config('GET', 'client-output-buffer-limit')) as string[])[1] ?? '';
  });
  afterEach(() => server.admin.config('SET', 'client-output-buffer-limit', ours));

  test('our own Redis does so: no class of connections is without a limit', () => {
    const classes = ['normal', 'slave', 'pubsub'];
    for (const name of classes) expect(ours).toMatch(new RegExp(`\\b${name} [1-9]\\d+ [1-9]\\d+ [1-9]\\d*`));
  });

  test('listeners get everything, in order, once', async () => {
    const gateway = await rig.gateway();
    const client = await rig.connect(gateway);
    const jobId = await rig.createJob();
    await client.request('attach', { jobId });
    // A publication of 512 KiB cannot pass.
    await server.admin.config('SET', 'client-output-buffer-limit', `pubsub ${64 * KB} 0 0`);
    const before = await statistic('total_connections_received');
    const attempt = await takeJob(rig.log, jobId);
    for (let i = 0; i < 20; i += 1) {
      await attempt.write(...Array.from({ length: 16 }, () => output(`${i}`.padEnd(32 * KB))));
    }
    await attempt.end(completed);
    const events = await client.untilTerminal(jobId);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 2 + 20 * 16 }, (_, i) => i + 1));
    expect(await statistic('total_connections_received')).toBeGreaterThan(before);
  });

  test('who asks is told `unavailable`, and gets everything when it asks again', async () => {
    const gateway = await rig.gateway();
    const client = await rig.connect(gateway);
    const jobId = await rig.createJob();
    const attempt = await takeJob(rig.log, jobId);
    await attempt.write(...Array.from({ length: 16 }, () => output('x'.repeat(32 * KB))));
    await attempt.end(completed);
    await server.admin.config('SET', 'client-output-buffer-limit', `normal ${64 * KB} 0 0`);
    const { error } = await client.request('attach', { jobId });
    expect(error.data.code).toBe('unavailable');
    await server.admin.config('SET', 'client-output-buffer-limit', ours);
    let answer = await client.request('attach', { jobId });
    while (answer.error?.data.code === 'unavailable') answer = await client.request('attach', { jobId });
    expect(answer.result).toMatchObject({ jobId, lastSeq: 18 });
    expect(await client.untilTerminal(jobId)).toHaveLength(18);
  });
});
