/** What others leave in the index or in the queue does not delay the end of a lost job. */
import { randomUUID } from 'node:crypto';
import { createRedisSweep } from '@cc-executor/job-log';
import { createEpoch, createJobId } from '@cc-executor/protocol';
import { needs, onBusyMachine, startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Sweeper, startSweeper } from '../src/chores/sweeper.ts';
import {
  completed,
  createRig,
  freshMetrics,
  type Rig,
  silent,
  TENANT,
  type TestGateway,
  takeJob,
} from './harness.ts';

/** `LOAD_JOBS=100000` is what the promise names; the suite has less time. */
const JOBS = Number(process.env.LOAD_JOBS ?? 5_000);
const SWEEP_MS = 1_000;
const LEASE_MS = 1_000;
/** Jobs that end in a second, while the lost ones are looked for. */
const RATE = 1_000;
/** Of these at once: who makes up for more takes from the sweeper, in the same process, what it needs to be in time. */
const MOST_AT_ONCE = RATE / 10;

let server: TestRedis;
let rig: Rig;
let gateway: TestGateway;
let sweeper: Sweeper | undefined;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(needs('throughput'));
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway();
});
afterEach(async () => {
  await sweeper?.close();
  await rig?.close();
});

async function accept({ queueMs = 600_000 } = {}): Promise<string> {
  const jobId = createJobId();
  await rig.log.create({
    jobId,
    epoch: createEpoch(),
    tenant: TENANT,
    spec: { prompt: 'x' },
    queueMs,
    totalMs: 600_000,
    retry: 'safe',
  });
  await gateway.producer.enqueue({ jobId, tenant: TENANT, priority: 0 });
  return jobId;
}

async function finish(): Promise<void> {
  const jobId = createJobId();
  const epoch = createEpoch();
  await rig.log.create({
    ...{ jobId, epoch, tenant: TENANT, spec: { prompt: 'x' }, retry: 'safe' },
    ...{ queueMs: 600_000, totalMs: 600_000 },
  });
  await rig.log.begin(jobId, 1, randomUUID());
  await rig.log.append({
    ...{ jobId, fence: 1, firstSeq: 2, hasOutput: false },
    ...{ bodies: [JSON.stringify(completed)], terminal: 'completed' },
  });
}

/** Many at once, so that Redis is never idle. */
async function repeat(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let left = count; left > 0; left -= 500) {
    await Promise.all(Array.from({ length: Math.min(left, 500) }, work));
  }
}

/** Ends `RATE` jobs a second until it is told to stop; resolves with how many that were. */
function endJobs(): () => Promise<number> {
  let stopped = false;
  let count = 0;
  const running = (async () => {
    for (const startedAt = performance.now(); !stopped; ) {
      const missing = Math.floor(((performance.now() - startedAt) / 1_000) * RATE) - count;
      const ending = Math.min(missing, MOST_AT_ONCE);
      await repeat(ending, finish);
      count += ending;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    stopped = true;
    await running;
    return count;
  };
}

/** How long it took until the job had this status, in ms. */
async function msUntil(jobId: string, status: string): Promise<number> {
  const since = performance.now();
  while ((await rig.log.get(TENANT, jobId))?.job.status !== status) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - since;
}

test(
  `a lost job ends within a lease and two sweeps beside ${JOBS} queued and ${JOBS} finished ones, while ${RATE} a second end`,
  async () => {
    await repeat(JOBS, accept);
    await repeat(JOBS, finish);
    sweeper = startSweeper({
      sweep: createRedisSweep({ redis: gateway.redis, keys: rig.keys, retentionMs: 60_000 }),
      abandonWatch: gateway.abandonWatch,
      intervalMs: SWEEP_MS,
      leaseMs: 0,
      metrics: freshMetrics(),
      logger: silent,
    });
    const stop = endJobs();
    const loseOne = async () => {
      const [lost, unwanted] = await Promise.all([accept(), accept({ queueMs: LEASE_MS })]);
      await takeJob(rig.log, lost, LEASE_MS);
      return Promise.all([msUntil(lost, 'failed'), msUntil(unwanted, 'timed_out')]);
    };
    // At three moments between two sweeps.
    const losing = [0, 1, 2].map(async (i) => {
      await new Promise((resolve) => setTimeout(resolve, (i * SWEEP_MS) / 3));
      return loseOne();
    });
    const tookMs = (await Promise.all(losing)).flat();
    expect(Math.max(...tookMs)).toBeLessThan(onBusyMachine(LEASE_MS + 2 * SWEEP_MS));
    expect(await stop()).toBeGreaterThan(RATE);
  },
  60_000 + 10 * JOBS,
);
