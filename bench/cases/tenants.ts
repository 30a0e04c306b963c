/** T: what it costs that gateways ask for keys and hold tenants to limits: memory of connections, and admission at each step. */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import type { Comparison } from '../measure/compare.ts';
import { figure, range, systemRows } from '../table.ts';
import { openAndClose } from './idle-connections.ts';

const SYSTEMS = ['product', 'keys'] as const;

type Name = (typeof SYSTEMS)[number];
type Result = {
  /** KB for each connection, of each try. */
  idle: Record<Name, number[]>;
  opening: Comparison<Name, 'storm'>;
  jobs: Comparison<Name, 'openLoop'>;
};

/** Garbage that is not collected yet counts as memory: the least of several tries is nearest to the truth. */
const TRIES = { full: 3, smoke: 1 };
const SIZES = {
  full: { perSecond: 500, seconds: 6, jobs: 800, warmUpJobs: 400 },
  smoke: { perSecond: 10, seconds: 1, jobs: 5, warmUpJobs: 2 },
};
const JOBS_PER_SECOND = 100;

/** Round by round on fresh systems. */
async function measureIdle(bench: Bench): Promise<Result['idle']> {
  const idle: Result['idle'] = { product: [], keys: [] };
  for (let i = 0; i < bench.size(TRIES); i += 1) {
    for (const name of SYSTEMS) {
      idle[name].push((await openAndClose(bench, name)).kbEach);
      await bench.renewSystems();
    }
  }
  return idle;
}

/** What an upgrade costs the gateway, and all that is done for a job, in ms of CPU: with keys and limits, more than without. */
const openingMs = ({ opening }: Result, name: Name) =>
  (opening[name].cpuPerItemUs.gateway ?? Number.NaN) / 1_000;
const jobMs = ({ jobs }: Result, name: Name) => jobs[name].cpuPerItemUs.all / 1_000;

export const tenants = defineCase<Result>({
  name: 'T',
  isOnlyNamed: true,
  title:
    'tenants: 100 keys with every limit, beside nobody asked: 10,000 connections, 500 upgrades and 100 jobs a second',
  goals: [
    atMost(
      1.05,
      '× without keys',
      'memory of each connection',
      ({ idle }) => Math.min(...idle.keys) / Math.min(...idle.product),
    ),
    atMost(
      0.3,
      'ms more than without keys',
      'CPU of an upgrade',
      (result) => openingMs(result, 'keys') - openingMs(result, 'product'),
    ),
    atMost(
      0.3,
      'ms more than without keys',
      'CPU of a job, all processes',
      (result) => jobMs(result, 'keys') - jobMs(result, 'product'),
    ),
    atMost(
      0.3,
      'ms more than without keys',
      'from execute to its answer, p50',
      ({ jobs: { keys, product } }) => keys.median.acceptedP50Ms - product.median.acceptedP50Ms,
    ),
  ],
  async measure(bench) {
    const idle = await measureIdle(bench);
    const { perSecond, seconds, jobs, warmUpJobs } = bench.size(SIZES);
    const opening = await bench.compare(SYSTEMS, {
      label: 'upgrades',
      task: 'storm',
      plan: { perSecond, seconds },
      steady: 'p50Ms',
    });
    const plan = (count: number) => ({
      perSecond: JOBS_PER_SECOND,
      jobs: count,
      script: { chunks: 1, size: 50, rate: 0 },
    });
    return {
      idle,
      opening,
      jobs: await bench.compare(SYSTEMS, {
        label: 'jobs',
        task: 'openLoop',
        plan: plan(jobs),
        warmUp: plan(warmUpJobs),
        steady: 'acceptedP50Ms',
      }),
    };
  },
  show: ({ idle, opening, jobs }) => [
    {
      title: 'idle connections',
      columns: ['KB each', 'of the tries'],
      rows: systemRows(idle, (tries) => [figure(Math.min(...tries), 1), range(tries, 1)]),
    },
    {
      title: 'upgrades',
      columns: ['µs of CPU, gateway', 'redis', 'open p50 ms', 'p99 ms'],
      rows: systemRows(opening, ({ median, cpuPerItemUs: { gateway, redis } }) => [
        figure(gateway),
        figure(redis),
        figure(median.p50Ms, 2),
        figure(median.p99Ms, 2),
      ]),
    },
    {
      title: 'jobs of one chunk',
      columns: [
        'µs of CPU a job',
        'gateway',
        'worker',
        'redis',
        'accepted p50 ms',
        'of the rounds',
        'p99 ms',
      ],
      rows: systemRows(jobs, ({ median, rounds, cpuPerItemUs }) => [
        ...['all', 'gateway', 'worker', 'redis'].map((name) => figure(cpuPerItemUs[name])),
        figure(median.acceptedP50Ms, 2),
        range(
          rounds.map(({ figures }) => figures.acceptedP50Ms),
          2,
        ),
        figure(median.acceptedP99Ms, 1),
      ]),
    },
  ],
});
