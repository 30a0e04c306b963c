import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { quantiles } from '../client/quantiles.ts';
import { compare } from '../measure/compare.ts';
import type { Measured } from '../measure/measure.ts';
import { cpuUs, residentMb } from '../measure/proc.ts';
import { median, spread } from '../measure/statistics.ts';
import { summarize } from '../measure/summary.ts';

type Round = Measured<'runJobs'>;

/** A round as far as these tests look at it. */
function round(chunksPerSecond: number, more: Partial<Round> = {}): Round {
  const figures = { items: 100, chunksPerSecond } as Round['figures'];
  return { figures, faults: [], cpuUs: {}, peakMb: {}, othersCores: 0, ...more };
}

const plan = { connections: 1, jobs: 1, script: { chunks: 1, size: 50, rate: 0 } };

async function compareRounds(given: Record<'naive' | 'product', Round[]>, rounds = 2) {
  const warnings: string[] = [];
  const order: string[] = [];
  const comparer = {
    run: async (name: string) => {
      order.push(name);
      return given[name as 'naive'].shift() ?? round(100);
    },
    warn: (text: string) => void warnings.push(text),
  };
  const options = { rounds, moreRounds: rounds, steady: 'chunksPerSecond' } as const;
  const result = await compare<'naive' | 'product', 'runJobs'>(comparer, ['naive', 'product'], plan, options);
  return { result, warnings, order };
}

test('the median of an even number lies between the two in the middle, and ignores what is no number', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, Number.NaN, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
  expect(spread([90, 100, 110])).toBeCloseTo(0.2);
});

test('quantiles are in ms, and of no times unknown', () => {
  const times = Array.from({ length: 100 }, (_, index) => (index + 1) * 1_000);
  expect(quantiles(times)).toEqual({ p50Ms: 51, p95Ms: 96, p99Ms: 100, maxMs: 100 });
  expect(quantiles([]).p50Ms).toBeNaN();
});

test('costs are told per item, of each process and of the system without client and upstream', () => {
  const cpu = { gateway: 200, redis: 100, client: 900, upstream: 900 };
  const { cpuPerItemUs } = summarize([round(1, { cpuUs: cpu })]);
  expect(cpuPerItemUs).toEqual({ gateway: 2, redis: 1, client: 9, upstream: 9, all: 3 });
});

test('what nobody could measure stays unknown', () => {
  expect(summarize([round(1)]).cpuPerItemUs.all).toBeNaN();
});

test('systems are measured in turning order after a warm-up of each', async () => {
  const { order, warnings } = await compareRounds({ naive: [], product: [] });
  expect(order).toEqual(['naive', 'product', 'naive', 'product', 'product', 'naive']);
  expect(warnings).toEqual([]);
});

test('a round that others disturbed is made again, does not count, and is told', async () => {
  const disturbed = round(10, { othersCores: 1 });
  const { result, warnings } = await compareRounds({ naive: [round(1), disturbed], product: [] });
  expect(result.naive.median.chunksPerSecond).toBe(100);
  expect(result.naive.rounds).toHaveLength(2);
  expect(warnings).toEqual(['others used the machine in rounds of naive 1 of 3']);
});

test('rounds that lie far apart are told', async () => {
  const { warnings } = await compareRounds({ naive: [round(1), round(100), round(160)], product: [] });
  expect(warnings).toEqual(['the rounds lie apart (chunksPerSecond): naive 46 %']);
});

test('the CPU and the memory of a process are read where Linux tells them', async () => {
  const child = spawn(process.execPath, [
    '-e',
    'for (const t = Date.now(); Date.now() < t + 50; );console.log(1);setInterval(() => {}, 1000)',
  ]);
  try {
    await once(child.stdout, 'data');
    if (process.platform === 'linux') {
      expect(cpuUs(child.pid!)).toBeGreaterThan(20_000);
      expect(residentMb(child.pid!)).toBeGreaterThan(10);
    } else expect(cpuUs(child.pid!)).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
  }
});
