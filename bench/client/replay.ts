/** Many who read what a job left, from its beginning, at once. */
import { openConnection, type Target } from './connection.ts';
import { createEventReader } from './event-reader.ts';
import { quantiles } from './quantiles.ts';
import { createFaults, type Mark, type Outcome, timed } from './task.ts';

export type Replay = {
  targets: readonly Target[];
  readers: number;
  /** A job that the product has; a baseline makes events of this number and size. */
  job: { jobId: string; events: number; size: number };
};

export type ReplayFigures = {
  /** Events, of every reader's. */
  items: number;
  elapsedMs: number;
  /** Of frames. */
  bytesPerSecond: number;
  /** From asking to the first event. */
  firstP50Ms: number;
  firstMaxMs: number;
};

export async function replay({ targets, readers, job }: Replay, mark: Mark): Promise<Outcome<ReplayFigures>> {
  const [target] = targets;
  if (target === undefined) throw new Error('there is nothing to connect to');
  const faults = createFaults();
  const firsts: number[] = [];
  const done = Promise.withResolvers<void>();
  let [startedAt, events, bytes, ended] = [0, 0, 0, 0];

  function openOne() {
    let isFirst = true;
    const reader = createEventReader({
      onOutput(_, length) {
        if (isFirst) firsts.push((performance.now() - startedAt) * 1_000);
        isFirst = false;
        events += 1;
        bytes += length;
      },
      onEnd() {
        ended += 1;
        if (ended === readers) done.resolve();
      },
      onFault: faults.add,
    });
    return openConnection(target!, reader.read);
  }

  const connections = await Promise.all(Array.from({ length: readers }, openOne));
  const begin = () => {
    startedAt = performance.now();
    for (const { send } of connections) {
      if (target.kind === 'native') send('attach', { jobId: job.jobId, afterSeq: 0 });
      else send('replay', { events: job.events, size: job.size });
    }
  };
  const { elapsedMs, isLate } = await timed(mark, begin, done.promise);
  if (isLate) faults.add(`only ${ended} of ${readers} readers came to the end in time`);
  if (events !== job.events * readers) faults.add(`${events} events came`);
  await Promise.all(connections.map((connection) => connection.close()));
  const first = quantiles(firsts);
  return {
    figures: {
      items: events,
      elapsedMs,
      bytesPerSecond: (bytes / elapsedMs) * 1_000,
      firstP50Ms: first.p50Ms,
      firstMaxMs: first.maxMs,
    },
    faults: faults.kept,
  };
}
