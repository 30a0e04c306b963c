/** G: connections that only stay: what memory each takes, whether they disturb anybody, and whether a storm of them does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atLeast, atMost } from '../goals.ts';
import { readLoopLagMs } from '../measure/loop-lag.ts';
import type { Measured } from '../measure/measure.ts';
import { residentMb } from '../measure/proc.ts';
import { median } from '../measure/statistics.ts';
import { figure } from '../table.ts';

const STORM_PER_MINUTE = 200_000;

/** With heartbeats every 10 s, each connection has had one. */
const SIZES = {
  full: {
    connections: 10_000,
    waitMs: 10_500,
    stormPerSecond: Math.round(STORM_PER_MINUTE / 60),
    stormSeconds: 30,
  },
  smoke: { connections: 20, waitMs: 100, stormPerSecond: 20, stormSeconds: 1 },
};

/** Garbage that is not collected yet counts as memory: the least of several tries is nearest to the truth. */
const TRIES = 2;
const SETTLE_MS = 500;

type Idle = { kbEach: number; openUs: number };
type Result = {
  bare: Idle;
  product: Idle;
  /** p99, while all are open. */
  loopLagMs: number;
  storm: Measured<'storm'>;
  wanted: number;
};

export async function openAndClose(
  bench: Bench,
  name: 'bare' | 'product' | 'keys',
): Promise<Idle & { loopLagMs: number }> {
  const { connections, waitMs } = bench.size(SIZES);
  const system = await bench.system(name);
  const { targets, processes } = system;
  const pid = processes.gateway ?? processes.bridge ?? 0;
  await bench.measure(system, 'runJobs', {
    connections: 1,
    jobs: 40,
    script: { chunks: 20, size: 50, rate: 0 },
  });
  await sleep(SETTLE_MS);
  const before = residentMb(pid) ?? Number.NaN;
  const opened = await bench.client.run('openIdle', { targets, connections });
  if (name !== 'bare') await readLoopLagMs(targets[0]!.url);
  await sleep(waitMs);
  const loopLagMs = name === 'bare' ? Number.NaN : await readLoopLagMs(targets[0]!.url);
  const kbEach = (((residentMb(pid) ?? Number.NaN) - before) * 1_024) / connections;
  const { faults } = await bench.client.run('closeIdle', undefined);
  for (const fault of faults) bench.fault(`${name}: ${fault}`);
  return { kbEach, openUs: (opened.figures.elapsedMs * 1_000) / connections, loopLagMs };
}

export const idleConnections = defineCase<Result>({
  name: 'G',
  title: 'idle: 10,000 connections with heartbeats, and a storm of 200,000 a minute for 30 s',
  goals: [
    atMost(8, 'KB', 'memory of each connection', ({ product }) => product.kbEach),
    atMost(1.15, '× bare', 'memory of each connection', ({ product, bare }) => product.kbEach / bare.kbEach),
    atMost(15, 'ms', 'lag of the event loop, p99', ({ loopLagMs }) => loopLagMs),
    atLeast(
      1,
      'of all',
      'connections of the storm that were served',
      ({ storm, wanted }) => storm.figures.items / wanted,
    ),
  ],
  async measure(bench) {
    const tries: Record<'bare' | 'product', (Idle & { loopLagMs: number })[]> = { bare: [], product: [] };
    for (let i = 0; i < bench.size({ full: TRIES, smoke: 1 }); i += 1) {
      for (const name of ['bare', 'product'] as const) {
        tries[name].push(await openAndClose(bench, name));
        await bench.renewSystems();
      }
    }
    const least = (name: 'bare' | 'product'): Idle => ({
      kbEach: Math.min(...tries[name].map(({ kbEach }) => kbEach)),
      openUs: median(tries[name].map(({ openUs }) => openUs)),
    });
    const { stormPerSecond: perSecond, stormSeconds: seconds } = bench.size(SIZES);
    return {
      bare: least('bare'),
      product: least('product'),
      loopLagMs: median(tries.product.map(({ loopLagMs }) => loopLagMs)),
      storm: await bench.measure(await bench.system('product'), 'storm', { perSecond, seconds }),
      wanted: perSecond * seconds,
    };
  },
  show: ({ bare, product, loopLagMs, storm, wanted }) => [
    {
      title: 'idle connections',
      columns: ['KB each', 'µs to open', 'loop lag p99 ms'],
      rows: [
        ['bare', figure(bare.kbEach, 1), figure(bare.openUs), '–'],
        ['product', figure(product.kbEach, 1), figure(product.openUs), figure(loopLagMs, 1)],
      ],
    },
    {
      title: 'storm',
      columns: ['served', 'of', 'open p50 ms', 'p99 ms', 'max ms', 'gateway µs each', 'gateway MB'],
      rows: [
        [
          'product',
          figure(storm.figures.items),
          figure(wanted),
          ...[storm.figures.p50Ms, storm.figures.p99Ms, storm.figures.maxMs].map((ms) => figure(ms, 1)),
          figure((storm.cpuUs.gateway ?? Number.NaN) / storm.figures.items),
          figure(storm.peakMb.gateway),
        ],
      ],
    },
  ],
});
