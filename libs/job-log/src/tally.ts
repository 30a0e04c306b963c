/**
 * What an ended job adds to the counters of its minute and of its day, and what the counters say. All names but those of
 * models and tenants are ours, so a minute is small whatever runs; of a day the script bounds how many names there are.
 */
import { modelUsesOf, type TerminalBody, type TerminalStatus, tokenKinds } from '@cc-executor/protocol';

/** Counters by name; costs are in millionths of a dollar, so that all of them are whole numbers. */
export type Counters = Readonly<Record<string, number>>;
export type Tally = { minute: Counters; day: Counters };

/** Waits and durations that are counted, in ms each. */
const measures = ['queue', 'start', 'firstOutput', 'duration'] as const;
export type Measure = (typeof measures)[number];

/** The first bucket is up to so many ms, each next one up to 1.4 times as many; the last but one to three hours. */
const FIRST_BUCKET_MS = 10;
const BUCKETS = 41;

/**
 * @param ending its terminal event without the head; undefined where that cannot be read
 * @param ageMs from its acceptance to its end; undefined where that is not known
 */
export function tallyOf(
  job: { tenant: string; status: TerminalStatus; ageMs?: number | undefined },
  ending: TerminalBody | undefined,
): Tally {
  const { queueMs, startMs, firstOutputMs } = ending?.timings ?? {};
  const times = { queue: queueMs, start: startMs, firstOutput: firstOutputMs, duration: job.ageMs };
  const uses = ending ? modelUsesOf(ending) : [];
  const microUsd = sum(uses.map(({ costUsd }) => micros(costUsd)));
  const tokens = sum(uses.flatMap((use) => tokenKinds.map((kind) => use.tokens[kind])));
  return {
    minute: counted([
      [`ended:${job.status}:${reasonOf(ending)}`, 1],
      ['microUsd', microUsd],
      ...measures.flatMap((measure): [string, number][] => {
        const ms = times[measure];
        return ms === undefined ? [] : [[`${measure}:${bucketOf(ms)}`, 1]];
      }),
    ]),
    day: counted([
      [`tenant:jobs:${job.tenant}`, 1],
      [`tenant:microUsd:${job.tenant}`, microUsd],
      [`tenant:tokens:${job.tenant}`, tokens],
      ...uses.flatMap(({ model, costUsd, tokens: used }): [string, number][] => [
        [`model:microUsd:${model}`, micros(costUsd)],
        ...tokenKinds.map((kind): [string, number] => [`model:${kind}:${model}`, used[kind]]),
      ]),
    ]),
  };
}

/** A counter's name: what is counted, of what kind, and of whom, which may be any text. */
export function partsOf(name: string): [what: string, kind: string, whose: string] {
  const [what = '', kind = ''] = name.split(':', 2);
  return [what, kind, name.slice(what.length + kind.length + 2)];
}

/** The sums of several counters. */
export function sumOf(all: readonly Counters[]): Counters {
  const sums: Record<string, number> = {};
  for (const counters of all) {
    for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

/**
 * What so great a part of the jobs did not take longer than, in ms: as near as the buckets are.
 *
 * @param parts between 0 and 1
 */
export function quantilesOf(
  measure: Measure,
  counters: Counters,
  parts: readonly number[],
): { jobs: number; quantiles: number[] } | undefined {
  const buckets = Array.from({ length: BUCKETS }, (_, index) => counters[`${measure}:${index}`] ?? 0);
  const jobs = sum(buckets);
  if (jobs === 0) return undefined;
  return { jobs, quantiles: parts.map((part) => quantileOf(buckets, part * jobs)) };
}

function quantileOf(buckets: readonly number[], rank: number): number {
  let before = 0;
  for (const [index, count] of buckets.entries()) {
    if (count > 0 && before + count >= rank) {
      const from = index === 0 ? 0 : boundOf(index - 1);
      return Math.round(from + ((boundOf(index) - from) * (rank - before)) / count);
    }
    before += count;
  }
  return Math.round(boundOf(BUCKETS - 1));
}

function bucketOf(ms: number): number {
  const index = Math.ceil(2 * Math.log2(Math.max(ms, FIRST_BUCKET_MS) / FIRST_BUCKET_MS));
  return Math.min(index, BUCKETS - 1);
}

function boundOf(index: number): number {
  return FIRST_BUCKET_MS * 2 ** (index / 2);
}

/** Why it ended so: the failure's code, the limit, or who cancelled. */
function reasonOf(ending: TerminalBody | undefined): string {
  switch (ending?.type) {
    case 'failed':
      return ending.error.code;
    case 'timed_out':
      return ending.limit;
    case 'cancelled':
      return ending.by;
    default:
      return '';
  }
}

function micros(usd: number): number {
  return Math.round(usd * 1e6);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function counted(counters: readonly (readonly [string, number])[]): Counters {
  const some = counters.filter(([, count]) => Number.isSafeInteger(count) && count > 0);
  return Object.fromEntries(some);
}
