/** One job and many who listen to it. */
import { monotonicUs } from '../clock.ts';
import { promptFor, type Script } from '../script.ts';
import { type Connection, openConnection, type Target } from './connection.ts';
import { createEventReader } from './event-reader.ts';
import { quantiles } from './quantiles.ts';
import { createFaults, type Mark, type Outcome, timed } from './task.ts';

export type FanOut = {
  targets: readonly Target[];
  listeners: number;
  /** Its delay gives all of them the time to attach. */
  script: Script;
};

export type FanOutFigures = {
  /** Chunks, of every listener's. */
  items: number;
  elapsedMs: number;
  latencyP50Ms: number;
  latencyP99Ms: number;
  latencyMaxMs: number;
  /** How long it took until all were attached. */
  attachMs: number;
};

const OPENED_AT_ONCE = 100;

export async function fanOut(
  { targets, listeners, script }: FanOut,
  mark: Mark,
): Promise<Outcome<FanOutFigures>> {
  const [target] = targets;
  if (target === undefined) throw new Error('there is nothing to connect to');
  const faults = createFaults();
  const latencies: number[] = [];
  const done = Promise.withResolvers<void>();
  let ended = 0;

  function openOne(): Promise<Connection> {
    const reader = createEventReader({
      onOutput: (stampUs) => latencies.push(monotonicUs() - stampUs),
      onEnd() {
        ended += 1;
        if (ended === listeners) done.resolve();
      },
      onFault: faults.add,
    });
    return openConnection(target!, reader.read);
  }

  const connections: Connection[] = [];
  while (connections.length < listeners) {
    const count = Math.min(OPENED_AT_ONCE, listeners - connections.length);
    connections.push(...(await Promise.all(Array.from({ length: count }, openOne))));
  }
  const [first, ...others] = connections;
  const { jobId } = await first!.ask<{ jobId: string }>('execute', { prompt: promptFor(script) });
  const attachedFrom = performance.now();
  // A broadcast reaches everybody unasked.
  if (target.kind === 'native') {
    await Promise.all(others.map((connection) => connection.ask('attach', { jobId, afterSeq: 0 })));
  }
  const attachMs = performance.now() - attachedFrom;
  if (latencies.length > 0) faults.add('the job began before all were attached');
  const { elapsedMs, isLate } = await timed(mark, () => undefined, done.promise);
  if (isLate) faults.add(`only ${ended} of ${listeners} listeners saw the end in time`);
  if (latencies.length !== listeners * script.chunks) faults.add(`${latencies.length} chunks came`);
  await Promise.all(connections.map((connection) => connection.close()));
  const latency = quantiles(latencies);
  return {
    figures: {
      items: latencies.length,
      elapsedMs,
      latencyP50Ms: latency.p50Ms,
      latencyP99Ms: latency.p99Ms,
      latencyMaxMs: latency.maxMs,
      attachMs,
    },
    faults: faults.kept,
  };
}
