/**
 * Notices a take-loop that stands still while jobs wait: after long outages of Redis a BullMQ worker has been seen
 * alive, connected and idle beside a full queue. A ping does not show that; only work does.
 */

export type Observation = {
  /** Entries that wait for a worker. */
  waiting: number;
  /** Entries this consumer has taken since it started. */
  taken: number;
  /** It has room for another. */
  hasRoom: boolean;
};

export type WedgeState = { taken: number; idleLooks: number };

/** Looks in a row at which nothing was taken though jobs waited and there was room. */
const WEDGED_AFTER_LOOKS = 3;

export const freshWedgeState: WedgeState = { taken: 0, idleLooks: 0 };

/** Takes one look into account. Pure. */
export function observe(state: WedgeState, { waiting, taken, hasRoom }: Observation): WedgeState {
  const stoodStill = waiting > 0 && hasRoom && taken === state.taken;
  return { taken, idleLooks: stoodStill ? state.idleLooks + 1 : 0 };
}

export function isWedged(state: WedgeState): boolean {
  return state.idleLooks >= WEDGED_AFTER_LOOKS;
}
