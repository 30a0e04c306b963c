/** I10: what a run must leave as it found it. Read from outside: Redis, the proxies, the processes. */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { createKeys, DEFAULT_KEY_PREFIX } from '@cc-executor/job-log';
import { terminalStatuses } from '@cc-executor/protocol';
import { workerChannels } from '@cc-executor/signals';
import type { Leftovers } from '@cc-executor/testing';
import type { World } from './injector.ts';

export type Baseline = {
  /** Connections through each proxy. */
  sockets: Record<string, number>;
  /** Resident memory of each process in MiB; undefined where the system does not say. */
  memory: Record<string, number | undefined>;
};

const PATIENCE_MS = 45_000;
const LOOK_MS = 500;
/** Nothing new for so many looks counts as steady. */
const STEADY_LOOKS = 4;
/** A process may have grown by this much, in MiB: caches and heaps that were small when it had just started. */
const MAX_GROWTH_MIB = 128;
/** A gateway's heap is slow to shrink after a crowd, for which it may hold as much as its memory budget. */
const MAX_GATEWAY_GROWTH_MIB = MAX_GROWTH_MIB + 128;

export const keys = createKeys(DEFAULT_KEY_PREFIX);
/** What every worker listens to, for as long as it lives. */
const WORKER_CHANNELS = new Set(workerChannels(DEFAULT_KEY_PREFIX));
const TURNS = `{${DEFAULT_KEY_PREFIX}:queue}`;
const QUEUE = `${TURNS}:jobs`;
/** Live as long as the product; each is bounded by its own means. */
const PERMANENT_KEYS = new Set([
  ...indexKeys(),
  keys.tenants,
  keys.due,
  keys.claimed,
  keys.unqueued,
  keys.round,
  `${DEFAULT_KEY_PREFIX}:{services}`,
  ...['turns', 'absent', 'workers', 'slots'].map((name) => `${TURNS}:${name}`),
]);

/** Of the jobs of the one tenant, which have no metadata here. */
function indexKeys(): string[] {
  const { jobs, ids, texts, unfinished, live, expiring } = keys;
  const ended = terminalStatuses.map((status) => keys.ended('default', status));
  return [...[jobs, ids, texts, unfinished, live, expiring].map((key) => key('default')), ...ended];
}

/** Reads it when connections have stopped coming: a service is ready before its last one is up. */
export async function readBaseline({ proxies, gateways, workers }: World): Promise<Baseline> {
  const memory = await Promise.all(
    [...gateways, ...workers].map(
      async (slot) => [slot.name, await residentMib(slot.process().pid)] as const,
    ),
  );
  return { sockets: await untilSteady(() => countSockets(proxies)), memory: Object.fromEntries(memory) };
}

function countSockets(proxies: World['proxies']): Record<string, number> {
  return Object.fromEntries(Object.entries(proxies).map(([name, proxy]) => [name, proxy.connections()]));
}

async function untilSteady<T>(read: () => T): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  let seen = read();
  for (let same = 0; same < STEADY_LOOKS && performance.now() < giveUpAt; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const now = read();
    same = isDeepStrictEqual(now, seen) ? same + 1 : 0;
    seen = now;
  }
  return seen;
}

/** Looks until nothing is left, or for as long as the sweeper and BullMQ may take to tidy up. */
export async function findLeftovers(world: World, before: Baseline): Promise<Leftovers> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const left = await lookOnce(world, before);
    const isClean = Object.values(left).every((list) => list.length === 0);
    if (isClean || performance.now() > giveUpAt) return left;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** What has grown over the run by more than it may. */
export function findGrowth(before: Baseline, after: Baseline): string[] {
  return Object.entries(after.memory).flatMap(([name, mib]) => {
    const grown = (mib ?? 0) - (before.memory[name] ?? 0);
    const allowed = name.startsWith('gateway') ? MAX_GATEWAY_GROWTH_MIB : MAX_GROWTH_MIB;
    return grown > allowed ? [`${name} has grown by ${Math.round(grown)} MiB`] : [];
  });
}

async function lookOnce({ redis, proxies }: World, before: Baseline): Promise<Leftovers> {
  const { admin } = redis;
  const [waiting, prioritized, active, delayed, inLine, early, handedOut, due, channels] = await Promise.all([
    admin.lrange(`${QUEUE}:wait`, 0, -1),
    admin.zrange(`${QUEUE}:prioritized`, '0', '-1'),
    admin.lrange(`${QUEUE}:active`, 0, -1),
    admin.zrange(`${QUEUE}:delayed`, '0', '-1'),
    admin.zrange(`${TURNS}:waiting`, '0', '-1'),
    admin.zrange(`${TURNS}:early`, '0', '-1'),
    admin.hkeys(`${TURNS}:out`),
    Promise.all([keys.due, keys.claimed, keys.unqueued].map((index) => admin.zrange(index, '0', '-1'))),
    redis.channels(),
  ]);
  const sockets = Object.entries(countSockets(proxies)).flatMap(([name, now]) => {
    const was = before.sockets[name] ?? 0;
    return now === was ? [] : [`${name}: ${now} connections instead of ${was}`];
  });
  return {
    sockets,
    queueEntries: [waiting, prioritized, active, delayed, inLine, early, handedOut].flat(),
    dueJobs: due.flat(),
    subscriptions: channels.filter((channel) => !WORKER_CHANNELS.has(channel)),
    keysWithoutExpiry: await findKeysWithoutExpiry(admin),
  };
}

/** BullMQ's own keys are bounded by number; all others must expire. */
async function findKeysWithoutExpiry(admin: World['redis']['admin']): Promise<string[]> {
  const found = (await admin.keys('*')).filter((key) => !key.startsWith(QUEUE) && !PERMANENT_KEYS.has(key));
  const expiries = await Promise.all(found.map((key) => admin.pttl(key)));
  return found.filter((_, i) => expiries[i] === -1);
}

async function residentMib(pid: number): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  } catch {
    // Only Linux tells it this way.
    return undefined;
  }
}
