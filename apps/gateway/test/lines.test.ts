/** Lines, as clients see them: where a job stands, and how those behind one that ends move up. */
import { createRedisSweep } from '@cc-executor/job-log';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { leaveWhenSwept } from '../src/lines.ts';
import { createRig, type Rig, silent, type TestGateway, untilTrue } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let gateway: TestGateway;
let client: Awaited<ReturnType<Rig['connect']>>;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway({ quotas: { running: 1 } });
  client = await rig.connect(gateway);
});
afterEach(() => rig.close());

async function execute(params: object = {}): Promise<string> {
  const { result } = await client.request('execute', { prompt: 'x', ...params });
  await client.until((message) => message.params?.jobId === result.jobId);
  return result.jobId;
}
const positionOf = async (jobId: string) => (await client.request('get', { jobId })).result.position;

test('`queued` tells how many were to go before a job, and `get` how many do', async () => {
  const [first, last] = [await execute(), await execute({ priority: 7 })];
  const second = await execute();
  const said = [first, last, second].map((jobId) => client.events(jobId)[0]);
  const fields = { type: 'queued', seq: 1 };
  expect(said).toMatchObject([fields, { ...fields, position: 1 }, { ...fields, position: 1 }]);
  expect(said[0]).not.toHaveProperty('position');
  expect(await Promise.all([first, second, last].map(positionOf))).toEqual([0, 1, 2]);
  // Handed out, it stands in no line any more.
  await gateway.producer.recount();
  expect(await Promise.all([first, second, last].map(positionOf))).toEqual([undefined, 0, 1]);
});

test('those behind a job that is cancelled, or waits for too long, move up', async () => {
  const [late, cancelled, last] = [
    await execute({ timeouts: { queueMs: 100 } }),
    await execute(),
    await execute(),
  ];
  await client.request('cancel', { jobId: cancelled });
  await untilTrue(async () => (await positionOf(last)) === 1);
  const sweep = createRedisSweep({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 });
  const sweeping = leaveWhenSwept(sweep, { producer: gateway.producer, logger: silent });
  await untilTrue(async () => {
    const [seconds] = await gateway.redis.time();
    return (await sweeping.settle(late, { at: Number(seconds) * 1_000 + 999 })).code === 'ended';
  });
  await untilTrue(async () => (await positionOf(last)) === 0);
});

test('a tenant has no more with workers than it may, and sees how many those are', async () => {
  await execute();
  await execute();
  const running = async () => {
    const { quotas } = (await client.request('me', {})).result;
    return quotas.find(({ name }: { name: string }) => name === 'running');
  };
  expect(await running()).toEqual({ of: 'tenant', name: 'running', limit: 1, taken: 0 });
  await gateway.producer.recount();
  await gateway.redis.del(`{${rig.keyPrefix}:queue}:jobs:wait`);
  await gateway.producer.recount();
  expect(await running()).toMatchObject({ taken: 1 });
  expect(await positionOf(await execute())).toBe(1);
});
