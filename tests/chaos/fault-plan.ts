/**
 * Which fault, on what, when and for how long: a whole run's faults, from its seed. Pure.
 * They come in bursts, in which faults on different targets overlap, with calm between: long enough that a promise with
 * a bound must have come true before the next burst.
 */
import { createRandom, type Random } from './random.ts';

/** Every kind of fault, and how often it is chosen. `<target> <what>`. */
export const FAULT_WEIGHTS = {
  'worker SIGKILL': 6,
  'worker SIGTERM': 4,
  'worker SIGSTOP': 6,
  'gateway SIGKILL': 4,
  'gateway SIGTERM': 3,
  'gateway SIGSTOP': 3,
  'redis SIGSTOP': 3,
  'redis SIGKILL': 3,
  'redis kill-pubsub': 3,
  'redis read-only': 2,
  'redis out-of-memory': 2,
  'gatewayRedis cut': 2,
  'gatewayRedis hold': 2,
  'gatewayRedis delay': 2,
  'gatewayRedis refuse': 2,
  'gatewayRedis drop-reply': 4,
  'workerRedis cut': 2,
  'workerRedis hold': 2,
  'workerRedis delay': 2,
  'workerRedis refuse': 2,
  'workerRedis drop-reply': 4,
  'upstream cut': 2,
  'upstream hold': 1,
  'upstream delay': 2,
  'upstream refuse': 2,
  'clients ask': 2,
  'clients nest': 2,
  'clients begin-frames': 2,
} as const;

type FaultKind = keyof typeof FAULT_WEIGHTS;

export type PlannedFault = {
  /** From the beginning of the load. */
  atMs: number;
  kind: FaultKind;
  /** What it hits: 'worker 1', 'redis', 'upstream' … One fault at a time hits one target. */
  target: string;
  /** Of what lasts; of what is restarted, how long it stays away. */
  durationMs: number;
};

export type FaultPlanOptions = {
  seed: number;
  /** How long the load lasts. */
  totalMs: number;
  leaseMs: number;
  workers: number;
  gateways: number;
};

const WARM_UP_MS = 2_000;
const GAP_MS = [200, 2_500] as const;
const FAULTS_IN_BURST = [3, 10] as const;
/** Free of faults between bursts, in leases: longer than the bound for a terminal event. */
const CALM_LEASES = 6;

/** Plans the faults of a run, in the order in which they begin. */
export function planFaults({ seed, totalMs, leaseMs, ...counts }: FaultPlanOptions): PlannedFault[] {
  const random = createRandom(seed, 'faults');
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  const lastMs = totalMs - CALM_LEASES * leaseMs;
  let atMs = WARM_UP_MS;
  while (atMs < lastMs) {
    let burstEndsMs = atMs;
    for (let left = random.int(...FAULTS_IN_BURST); left > 0 && atMs < lastMs; left -= 1) {
      const fault = planFault(random, atMs, leaseMs, counts);
      if ((busyUntil.get(fault.target) ?? 0) <= atMs) {
        const endsMs = atMs + fault.durationMs;
        busyUntil.set(fault.target, endsMs);
        burstEndsMs = Math.max(burstEndsMs, endsMs);
        planned.push(fault);
      }
      atMs += random.int(...GAP_MS);
    }
    atMs = Math.max(atMs, burstEndsMs) + CALM_LEASES * leaseMs;
  }
  return planned;
}

function planFault(
  random: Random,
  atMs: number,
  leaseMs: number,
  { workers, gateways }: { workers: number; gateways: number },
): PlannedFault {
  const kind = random.weighted(FAULT_WEIGHTS);
  const [what = '', how = ''] = kind.split(' ');
  const count = { worker: workers, gateway: gateways }[what];
  const target = count === undefined ? what : `${what} ${random.int(0, count - 1)}`;
  return { atMs, kind, target, durationMs: durationOf(random, how, leaseMs) };
}

function durationOf(random: Random, how: string, leaseMs: number): number {
  const leases = (from: number, to: number) => Math.round(leaseMs * (from + random.next() * (to - from)));
  if (how === 'SIGSTOP') return leases(0.2, 3);
  if (how === 'SIGKILL' || how === 'SIGTERM') return leases(0, 1.5);
  if (how === 'cut' || how === 'kill-pubsub') return 0;
  return leases(0.2, 2);
}
