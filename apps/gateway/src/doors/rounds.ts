/**
 * When connections hand over what waits for them: all who have something at the end of the tick, one right after the other.
 * The same writes with other work between them cost nearly twice as much. Whoever takes events in batches waits a little after a
 * round of many: then the next one has more for each of them.
 */

/** So long is the rest after a round, in ms for each who took part: writing takes a quarter of that. */
const REST_MS = 0.025;
/** A shorter one is left out: it saves nothing. */
const LEAST_REST_MS = 1;
const MAX_REST_MS = 100;

export type Rounds = {
  /** Calls it at the end of this tick. It must not throw. */
  join(handOver: () => void): void;
  /** The same, but after a round of many of these it is called when the rest is over. */
  joinPatiently(handOver: () => void): void;
};

export function createRounds(): Rounds {
  const next: (() => void)[] = [];
  const nextPatient: (() => void)[] = [];
  let restsUntil = 0;

  function run(): void {
    for (const handOver of next.splice(0)) handOver();
  }

  function runPatient(): void {
    const round = nextPatient.splice(0);
    for (const handOver of round) handOver();
    restsUntil = performance.now() + Math.min(round.length * REST_MS, MAX_REST_MS);
  }

  return {
    join(handOver) {
      if (next.push(handOver) === 1) process.nextTick(run);
    },
    joinPatiently(handOver) {
      if (nextPatient.push(handOver) > 1) return;
      const restMs = restsUntil - performance.now();
      if (restMs < LEAST_REST_MS) process.nextTick(runPatient);
      else setTimeout(runPatient, restMs);
    },
  };
}
