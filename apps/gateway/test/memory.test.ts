/** What crowds of clients can make a gateway hold: a process of its own, a crowd in another, and its memory as the system sees it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createJobId } from '@cc-executor/protocol';
import {
  type Crowd,
  connectWire,
  needs,
  onBusyMachine,
  type ServiceProcess,
  startCrowd,
  startService,
  startTestRedis,
  type TestRedis,
} from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { completed, createRig, output, type Rig, takeJob } from './harness.ts';

const MB = 1024 * 1024;
/** A quarter of the default, so that a quarter of the crowds has as many times what it allows. */
const BUDGET_BYTES = 24 * MB;
/** What it may grow by: its budget, and garbage that is not collected yet. */
const ALLOWED_BYTES = BUDGET_BYTES + 150_000_000;
const HEALTHY_MS = 1_000;
/** Memory that has not grown for so long will not; and it is looked at for so long at most, when all is done. */
const STEADY_MS = 3_000;
const LOOK_MS = 10_000;

let server: TestRedis;
let rig: Rig;
let gateway: ServiceProcess;
let crowd: Crowd | undefined;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async (context) => {
  if (process.platform !== 'linux') context.skip('memory of another process is read from /proc');
  rig = await createRig(server);
  gateway = await startService({
    app: 'gateway',
    env: {
      ...{ REDIS_URL: server.url, REDIS_KEY_PREFIX: rig.keyPrefix, LOG_LEVEL: 'info' },
      ...{ GATEWAY_PORT: '0', GATEWAY_MEMORY_BUDGET: `${BUDGET_BYTES}` },
    },
  });
});
afterEach(async () => {
  await crowd?.close();
  crowd = undefined;
  await gateway.stop();
  await rig.close();
});

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Looks at memory and health until the crowd is ready and memory has not grown for a while; resolves with the worst. */
async function watch(ready: Promise<unknown>): Promise<{ mostBytes: number; slowestMs: number }> {
  const worst = { mostBytes: 0, slowestMs: 0 };
  let readyAt = Number.POSITIVE_INFINITY;
  let grownAt = 0;
  const whenReady = ready.then(() => {
    readyAt = performance.now();
    grownAt = readyAt;
  });
  // It is awaited below.
  whenReady.catch(() => undefined);
  for (;;) {
    const now = performance.now();
    if (now - readyAt > LOOK_MS || Math.min(now - readyAt, now - grownAt) > STEADY_MS) break;
    const response = await fetch(`http://127.0.0.1:${gateway.ready.port}/health`);
    await response.text();
    expect(response.status).toBe(200);
    worst.slowestMs = Math.max(worst.slowestMs, performance.now() - now);
    const bytes = await residentBytes();
    if (bytes > worst.mostBytes + MB) grownAt = performance.now();
    worst.mostBytes = Math.max(worst.mostBytes, bytes);
    // A crowd that failed ends the test.
    await (readyAt < now ? sleep(25) : Promise.race([sleep(25), whenReady]));
  }
  return worst;
}

async function expectServed() {
  const client = await connectWire(`ws://127.0.0.1:${gateway.ready.port}/ws`);
  expect((await client.request('get', { jobId: createJobId() })).error.data.code).toBe('job_not_found');
  await client.close();
}

test('three hundred frames of 1 MiB that are never finished cost a gateway no more than its budget', async () => {
  await expectServed();
  const baseline = await residentBytes();
  const { port } = gateway.ready;
  crowd = startCrowd({ port: Number(port), count: 300, mode: 'unfinished', frameBytes: MB });
  const { mostBytes, slowestMs } = await watch(crowd.ready);
  console.info(
    `grew by ${Math.round((mostBytes - baseline) / MB)} MiB; slowest /health ${Math.round(slowestMs)} ms`,
  );
  expect(mostBytes - baseline).toBeLessThan(ALLOWED_BYTES);
  expect(slowestMs).toBeLessThan(onBusyMachine(HEALTHY_MS));
  expect(crowd.closed()).toBeGreaterThan(150);
  await expectServed();
}, 120_000);

test('a hundred and fifty listeners of a job of 6 MB who read nothing cost a gateway no more than its budget', async (context) => {
  await needs('throughput')(context);
  const jobId = await rig.createJob();
  const attempt = await takeJob(rig.log, jobId);
  for (let i = 0; i < 12; i += 1)
    await attempt.write(...Array.from({ length: 16 }, () => output('x'.repeat(32 * 1024))));
  await expectServed();
  const baseline = await residentBytes();
  crowd = startCrowd({ port: Number(gateway.ready.port), count: 150, mode: 'deaf', jobId });
  const { mostBytes, slowestMs } = await watch(crowd.ready);
  console.info(
    `grew by ${Math.round((mostBytes - baseline) / MB)} MiB; slowest /health ${Math.round(slowestMs)} ms`,
  );
  expect(mostBytes - baseline).toBeLessThan(ALLOWED_BYTES);
  expect(slowestMs).toBeLessThan(onBusyMachine(HEALTHY_MS));
  // Whoever reads has it all.
  const client = await connectWire(`ws://127.0.0.1:${gateway.ready.port}/ws`);
  await client.request('attach', { jobId });
  await attempt.end(completed);
  expect(await client.untilTerminal(jobId)).toHaveLength(12 * 16 + 2);
  await client.close();
}, 120_000);
