/** Overview: how all of it is, for operators. It reads counters and reports that are there anyway, and looks at no job. */
import type { ServicesAnswer } from '@cc-executor/fleet';
import {
  type Counters,
  type JobCounts,
  type Measure,
  MINUTE_MS,
  partsOf,
  quantilesOf,
  sumOf,
} from '@cc-executor/job-log';
import {
  ProtocolError,
  type Result,
  type TerminalStatus,
  terminalStatuses,
  tokenKinds,
} from '@cc-executor/protocol';
import { describeServices } from './described-services.ts';
import type { Operation } from './operation.ts';

const DEFAULT_MINUTES = 60;
const MAX_STEPS = 60;
const DAYS = 7;
/** Of a day, those that cost most; the rest is `others`. */
const MAX_NAMED = 10;

type Overview = Result<'overview'>;
type Day = Overview['days'][number];

/** Errors: `unavailable`. */
export function createOverview({
  jobCounts,
  services,
}: {
  jobCounts: JobCounts;
  services: () => Promise<ServicesAnswer>;
}): Operation<'overview'> {
  return async (_session, { minutes = DEFAULT_MINUTES }) => {
    const fleet = await services();
    const { now, self, queue, usageLimits } = fleet;
    if (!fleet.services || !queue || !usageLimits) throw new ProtocolError('unavailable');
    const [ofMinutes, ofDays] = await Promise.all([
      jobCounts.minutes(now, minutes),
      jobCounts.days(now, DAYS),
    ]);
    const { latencyMs, memory, durability, software } = self.redis;
    return {
      result: {
        now,
        ...stepsOf(ofMinutes, minutes),
        ...endedOf(sumOf(ofMinutes.map(({ counters }) => counters))),
        days: ofDays.map(dayOf).reverse(),
        queue: { delayed: 0, oldestWaitingMs: 0, ...queue },
        services: describeServices(fleet.services, now),
        redis: {
          ...(latencyMs !== undefined && { latencyMs }),
          ...(software && { version: software.version }),
          ...(memory && { memory }),
          durability: durability?.state ?? 'unknown',
          faults: durability?.faults ?? [],
        },
        usageLimits,
      },
    };
  };
}

function stepsOf(
  minutes: readonly { at: number; counters: Counters }[],
  asked: number,
): Pick<Overview, 'stepMs' | 'steps'> {
  const stepMs = Math.ceil(asked / MAX_STEPS) * MINUTE_MS;
  const byStep = Map.groupBy(minutes, ({ at }) => at - (at % stepMs));
  const steps = [...byStep].map(([at, those]) => {
    const counters = sumOf(those.map(({ counters: some }) => some));
    const jobs = terminalStatuses.map((status) => [status, jobsThatEnded(counters, status)] as const);
    return {
      at,
      jobs: Object.fromEntries(jobs.filter(([, count]) => count > 0)),
      costUsd: usd(counters.microUsd),
    };
  });
  return { stepMs, steps };
}

function jobsThatEnded(counters: Counters, status: TerminalStatus): number {
  return Object.entries(counters)
    .filter(([name]) => name.startsWith(`ended:${status}:`))
    .reduce((sum, [, count]) => sum + count, 0);
}

function endedOf(counters: Counters): Pick<Overview, 'ended' | 'latencies'> {
  const ended = Object.entries(counters).flatMap(([name, jobs]) => {
    const [what, status, reason] = partsOf(name);
    if (what !== 'ended') return [];
    return [{ status: status as TerminalStatus, ...(reason !== '' && { reason }), jobs }];
  });
  const latency = (measure: Measure) => {
    const { jobs, quantiles = [] } = quantilesOf(measure, counters, [0.5, 0.95, 0.99]) ?? {};
    const [p50Ms = 0, p95Ms = 0, p99Ms = 0] = quantiles;
    return jobs === undefined ? {} : { [measure]: { jobs, p50Ms, p95Ms, p99Ms } };
  };
  return {
    ended: ended.sort((a, b) => b.jobs - a.jobs),
    latencies: {
      ...latency('queue'),
      ...latency('start'),
      ...latency('firstOutput'),
      ...latency('duration'),
    },
  };
}

function dayOf({ date, counters }: { date: string; counters: Counters }): Day {
  const tenants = spentBy(counters, 'tenant').map(({ name, kinds }) => ({
    name,
    jobs: kinds.jobs ?? 0,
    costUsd: usd(kinds.microUsd),
    tokens: kinds.tokens ?? 0,
  }));
  const models = spentBy(counters, 'model').map(({ name, kinds }) => ({
    name,
    costUsd: usd(kinds.microUsd),
    tokens: tokenKinds.reduce((sum, kind) => sum + (kinds[kind] ?? 0), 0),
  }));
  const all = sumOf(tenants.map(({ name: _, ...counts }) => counts));
  return {
    date,
    jobs: all.jobs ?? 0,
    costUsd: all.costUsd ?? 0,
    tokens: all.tokens ?? 0,
    models,
    tenants,
  };
}

/** What a day has of each model, or tenant: the dearest first, and of those that are not named the sum. */
function spentBy(counters: Counters, what: string): { name: string; kinds: Counters }[] {
  const parts = Object.entries(counters).map(([name, count]) => [...partsOf(name), count] as const);
  const byName = Map.groupBy(
    parts.filter(([whose]) => whose === what),
    ([, , name]) => name,
  );
  const all = [...byName].map(([name, those]) => ({
    name,
    kinds: Object.fromEntries(those.map(([, kind, , count]) => [kind, count])) as Counters,
  }));
  const cost = ({ kinds }: { kinds: Counters }) => kinds.microUsd ?? 0;
  const [others, named] = [
    all.filter(({ name }) => name === 'others'),
    all.filter(({ name }) => name !== 'others').sort((a, b) => cost(b) - cost(a)),
  ];
  const rest = [...others, ...named.slice(MAX_NAMED)].map(({ kinds }) => kinds);
  return [...named.slice(0, MAX_NAMED), ...(rest.length > 0 ? [{ name: 'others', kinds: sumOf(rest) }] : [])];
}

function usd(micros = 0): number {
  return micros / 1e6;
}
