/** That a stack is at rest and nothing is left over of what ran on it, as far as it can be seen from outside. */
import type { Stack } from '@cc-executor/testing';
import { expect, vi } from 'vitest';
import { socketsOf } from './processes.ts';

/**
 * Short leases and sweeps, so that the lazily corrected index comes to rest within a test's patience; long enough for
 * a busy machine, where a process may have to wait for seconds.
 */
export const RESTLESS = { JOB_LEASE_MS: '5000', GATEWAY_SWEEP_MS: '250' };

const PATIENCE_MS = 15_000;

/** Remembers a stack without clients; the returned function expects that it has come to the same state again. */
export function watchLeftovers(stack: Stack): () => Promise<void> {
  const services = [...stack.gateways, ...stack.workers, ...(stack.claudeApi ? [stack.claudeApi] : [])];
  const sockets = new Map(services.map(({ pid }) => [pid, socketsOf(pid)]));
  return async () => {
    await vi.waitFor(
      async () => {
        expect(await lookAround(stack)).toEqual({ subscriptions: [], due: 0, inQueue: 0 });
        for (const { pid, name } of services) {
          expect(socketsOf(pid), `sockets of the ${name}`).toBeLessThanOrEqual(sockets.get(pid)!);
        }
      },
      { timeout: PATIENCE_MS, interval: 50 },
    );
  };
}

/** Channels with listeners besides the workers' two, unfinished jobs in the indexes, jobs that wait or run. */
export async function lookAround({ redis }: Pick<Stack, 'redis'>) {
  const { admin } = redis;
  const [channels, due, ...queued] = await Promise.all([
    redis.channels(),
    Promise.all(['', ':claimed', ':unqueued'].map((part) => admin.zcard(`cce:{due}${part}`))),
    admin.llen('{cce:queue}:jobs:wait'),
    admin.zcard('{cce:queue}:jobs:prioritized'),
    admin.llen('{cce:queue}:jobs:active'),
    admin.zcard('{cce:queue}:waiting'),
    admin.hlen('{cce:queue}:out'),
  ]);
  return {
    subscriptions: channels.filter((channel) => channel !== 'cce:control' && channel !== 'cce:transcripts'),
    due: due.reduce((sum, count) => sum + count, 0),
    inQueue: queued.reduce((sum, count) => sum + count, 0),
  };
}
