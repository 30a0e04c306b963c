/** N: what a tenant notices of another one that is at its limits on every axis at once, and beyond. */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import type { NoiseFigures } from '../client/noise.ts';
import type { OpenLoopFigures } from '../client/open-loop.ts';
import { atLeast, atMost } from '../goals.ts';
import type { Measured } from '../measure/measure.ts';
import { median } from '../measure/statistics.ts';
import { startTenants } from '../systems/tenants.ts';
import { figure } from '../table.ts';

/** Of the loud one, which has a key. */
const LIMITS = {
  ...{ jobs: 50, bytes: 10_000_000, running: 4, attachments: 100, requests: 32, costPerMinute: 12_000 },
};
/**
 * What is asked for costs 200 a second, which is the limit. On top of it come bodies that ask for nothing there is, executes beyond
 * the quotas, visits, and those that do not read.
 */
const PER_SECOND = {
  ...{ get: 40, list: 2, attach: 8, execute: 10, pause: 10, verify: 1 },
  ...{ junk: 20, visit: 20, deaf: 1 },
};
const SIZES = {
  full: { jobs: 600, perSecond: 50, connections: 32, past: 80, present: 100 },
  smoke: { jobs: 5, perSecond: 20, connections: 2, past: 4, present: 5 },
};
/** In characters: the largest that may be. */
const PROMPT_LENGTH = 200_000;
const CHUNK = 16_384;
/** A job of the loud one writes as fast as a pipe of Claude Code does at its fastest. */
const RATE = 50;

type Round = { alone: Measured<'openLoop'>; beside: Measured<'openLoop'>; noise: NoiseFigures };
type Result = readonly Round[];

const TIMES = ['accepted', 'first', 'ended', 'looked'] as const;

/** How many times as long the slowest hundredth took as alone: the median of the rounds. */
function timesAs(rounds: Result, name: (typeof TIMES)[number]): number {
  return median(rounds.map(({ alone, beside }) => p99(beside.figures, name) / p99(alone.figures, name)));
}

function p99(figures: OpenLoopFigures, name: (typeof TIMES)[number]): number {
  return figures[`${name}P99Ms`];
}

async function measureRounds(bench: Bench): Promise<Result> {
  const { jobs, perSecond, connections, past, present } = bench.size(SIZES);
  const loud = await bench.startClient();
  const system = await startTenants(
    { upstreamUrl: bench.upstreamUrl },
    { quiet: { keys: 1, limits: {} }, loud: { keys: 1, limits: LIMITS } },
  );
  try {
    const quiet = { ...system, targets: system.targetsOf('quiet') };
    const script = { chunks: 5, size: 50, rate: 0 };
    const plan = (count: number) => ({ perSecond, jobs: count, looks: true, script });
    await bench.measure(quiet, 'openLoop', plan(Math.ceil(jobs / 2)));
    const rounds: Round[] = [];
    for (let i = 0; i < bench.rounds; i += 1) {
      const alone = await bench.measure(quiet, 'openLoop', plan(jobs));
      await loud.run('beginNoise', {
        ...{ targets: system.targetsOf('loud'), connections, perSecond: PER_SECOND },
        past: { chunks: past, size: CHUNK, rate: 0 },
        present: { chunks: present, size: CHUNK, rate: RATE },
        promptLength: PROMPT_LENGTH,
      });
      const beside = await bench.measure(quiet, 'openLoop', plan(jobs));
      const { figures: noise } = await loud.run('endNoise', undefined);
      rounds.push({ alone, beside, noise });
    }
    return rounds;
  } finally {
    await system.close();
    await loud.stop();
  }
}

export const neighbours = defineCase<Result>({
  name: 'N',
  isOnlyNamed: true,
  title: 'neighbours: 50 small jobs a second of one tenant, alone and beside one at its limits on every axis',
  goals: [
    atMost(2, '× alone', 'from execute to its answer, p99', (rounds) => timesAs(rounds, 'accepted')),
    atMost(2, '× alone', 'from execute to the first chunk, p99', (rounds) => timesAs(rounds, 'first')),
    atMost(2, '× alone', 'from execute to the terminal event, p99', (rounds) => timesAs(rounds, 'ended')),
    atMost(2, '× alone', 'from get to its answer, p99', (rounds) => timesAs(rounds, 'looked')),
    atLeast(1, 'requests', 'refused of the loud one, in each round', (rounds) =>
      Math.min(...rounds.map(({ noise }) => noise.refused)),
    ),
  ],
  measure: measureRounds,
  show: (rounds) => [
    {
      title: 'p50 and p99 ms, medians of the rounds',
      columns: TIMES.flatMap((name) => [`${name} p50`, 'p99']),
      rows: (['alone', 'beside'] as const).map((which) => [
        which,
        ...TIMES.flatMap((name) =>
          (['P50Ms', 'P99Ms'] as const).map((quantile) =>
            figure(median(rounds.map((round) => round[which].figures[`${name}${quantile}`])), 2),
          ),
        ),
      ]),
    },
    {
      title: 'p99 beside as many times as alone, by round; cores in use; what the loud one asked for',
      columns: [...TIMES, 'gateway', 'worker', 'redis', 'asked', 'refused'],
      rows: rounds.map(({ alone, beside, noise }, index) => [
        `${index + 1}`,
        ...TIMES.map((name) => figure(p99(beside.figures, name) / p99(alone.figures, name), 2)),
        ...['gateway', 'worker', 'redis'].map((name) =>
          figure((beside.cpuUs[name] ?? Number.NaN) / (beside.figures.elapsedMs * 1_000), 2),
        ),
        figure(noise.items),
        figure(noise.refused),
      ]),
    },
  ],
});
