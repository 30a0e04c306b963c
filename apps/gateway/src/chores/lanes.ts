/**
 * Lets things be done side by side, so many at once in all and in each lane: a lane in which nothing moves takes its own places
 * only, and a bounded number waits in it.
 */

export type Lanes = {
  /** Takes a piece of work, which may not reject; false when too many wait in its lane. */
  offer(lane: string, work: () => Promise<void>): boolean;
  /** Resolves when nothing is under way; what waits is dropped. */
  close(): Promise<void>;
};

type Lane = { running: number; waiting: (() => Promise<void>)[] };

export function createLanes({
  atOnce,
  perLane,
  maxWaiting,
}: {
  atOnce: number;
  perLane: number;
  /** In each lane. */
  maxWaiting: number;
}): Lanes {
  const lanes = new Map<string, Lane>();
  const underWay = new Set<Promise<void>>();

  function begin(): void {
    for (const [name, lane] of lanes) {
      if (underWay.size >= atOnce) return;
      const work = lane.running < perLane ? lane.waiting.shift() : undefined;
      if (work === undefined) continue;
      // To the end of the line: the other lanes are first.
      lanes.delete(name);
      lanes.set(name, lane);
      lane.running += 1;
      const running = work().finally(() => {
        underWay.delete(running);
        lane.running -= 1;
        if (lane.running + lane.waiting.length === 0) lanes.delete(name);
        begin();
      });
      underWay.add(running);
    }
  }

  return {
    offer(name, work) {
      const lane = lanes.get(name) ?? { running: 0, waiting: [] };
      if (lane.waiting.length >= maxWaiting) return false;
      lane.waiting.push(work);
      lanes.set(name, lane);
      begin();
      return true;
    },
    async close() {
      for (const lane of lanes.values()) lane.waiting = [];
      await Promise.all(underWay);
    },
  };
}
