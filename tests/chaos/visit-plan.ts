/**
 * What one visitor does: a job, how it goes upstream, and how its client behaves while it runs. Pure. All of it is
 * drawn before it begins, so that it does not depend on what happens.
 */
import type { ExecuteParams } from '@cc-executor/protocol';
import type { CallEnd, Plan } from '@cc-executor/testing';
import type { Random } from './random.ts';

export type Visit = {
  plan: Plan;
  /** Without the prompt, which is the plan's. */
  params: Omit<ExecuteParams, 'prompt'>;
  /** Sends the same execute again, through any gateway. */
  resendAfterMs?: number;
  cancelAfterMs?: number;
  /** Pauses the job, and lets it go on, or forgets to: then the limit of the pause ends it. */
  pause?: { afterMs: number; resumeAfterMs?: number };
  /** Goes away; `backAfterMs` says when it comes back, if it does, and resumes after a share of what it had seen. */
  leave?: { afterMs: number; backAfterMs?: number; keptShare: number };
  /** The client that executed stops reading for a while. */
  stall?: { afterMs: number; forMs: number };
  /** Others who listen too, each from the beginning, through any gateway. */
  listeners: { afterMs: number }[];
  /** Before the same visitor's next visit. */
  restMs: number;
};

/** How often a call goes each way. */
const END_WEIGHTS = {
  complete: 60,
  'result-only': 8,
  'no-marker': 3,
  error: 4,
  fin: 4,
  rst: 4,
  hang: 2,
  'silent-headers': 2,
  garbage: 3,
  'status 429': 4,
  'status 503': 3,
  'status 529': 2,
  'status 500': 2,
} as const;

const RETRY_WEIGHTS = { safe: 5, never: 2, always: 4 } as const;
const PACES_MS = [0, 5, 5, 20, 20, 20, 60];
const LENGTH_WEIGHTS = { short: 4, middle: 5, long: 1 } as const;
const LENGTHS = { short: [1, 5], middle: [10, 60], long: [100, 200] } as const;
const BEHAVIOUR_WEIGHTS = { stay: 5, leave: 3, abandon: 1, cancel: 2 } as const;

/** Plans a visit; `nonce` must be the visit's own. */
export function planVisit(random: Random, nonce: string): Visit {
  const behaviour = random.weighted(BEHAVIOUR_WEIGHTS);
  const comesBack = behaviour === 'leave';
  const [fewest, most] = LENGTHS[random.weighted(LENGTH_WEIGHTS)];
  const within = (maxMs: number) => random.int(0, maxMs);
  return {
    plan: {
      nonce,
      chunks: random.int(fewest, most),
      paceMs: random.pick(PACES_MS),
      ends: Array.from({ length: random.int(1, 3) }, () => planEnd(random)),
    },
    params: {
      retry: random.weighted(RETRY_WEIGHTS),
      // Silence shows in seconds here; a job that waits for a restart of everything must not time out in the queue.
      timeouts: {
        queueMs: 60_000,
        firstOutputMs: 3_000,
        idleMs: 3_000,
        totalMs: random.chance(0.1) ? 1_500 : 30_000,
        pausedMs: 3_000,
      },
      onDisconnect: behaviour === 'abandon' && random.chance(0.7) ? 'cancel' : 'continue',
      ...(random.chance(0.3) ? { priority: random.int(0, 5) } : {}),
      ...(random.chance(0.85) ? { idempotencyKey: `key-${nonce}` } : {}),
    },
    ...(random.chance(0.25) ? { resendAfterMs: within(1_500) } : {}),
    ...(behaviour === 'cancel' ? { cancelAfterMs: within(1_500) } : {}),
    ...(comesBack || behaviour === 'abandon'
      ? {
          leave: {
            afterMs: within(800),
            ...(comesBack ? { backAfterMs: within(2_000) } : {}),
            keptShare: random.chance(0.5) ? 1 : random.next(),
          },
        }
      : {}),
    ...(random.chance(0.15) ? { stall: { afterMs: within(1_000), forMs: within(3_000) } } : {}),
    listeners: Array.from({ length: random.pick([0, 0, 1, 2]) }, () => ({ afterMs: within(2_000) })),
    restMs: within(500),
    ...(random.chance(0.25)
      ? { pause: { afterMs: within(1_000), ...(random.chance(0.8) ? { resumeAfterMs: within(1_500) } : {}) } }
      : {}),
  };
}

function planEnd(random: Random): CallEnd {
  const end = random.weighted(END_WEIGHTS);
  const retryAfter = random.chance(0.5) ? { retryAfterS: 1 } : {};
  switch (end) {
    case 'status 429':
      return { status: 429, ...retryAfter };
    case 'status 503':
      return { status: 503, ...retryAfter };
    case 'status 529':
      return { status: 529, ...retryAfter };
    case 'status 500':
      return { status: 500 };
    default:
      return end;
  }
}
