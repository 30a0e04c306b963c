/** Jobs on a number of connections, one at a time on each, until all have ended. All connections begin at once. */
import { monotonicUs } from '../clock.ts';
import { promptFor, type Script } from '../script.ts';
import { openConnection, type Target } from './connection.ts';
import { createEventReader } from './event-reader.ts';
import { quantiles } from './quantiles.ts';
import { createFaults, type Mark, type Outcome, timed } from './task.ts';

export type RunJobs = {
  /** Several are taken in turn. */
  targets: readonly Target[];
  connections: number;
  jobs: number;
  script: Script;
  /** Asked in place of the script where upstream is another one; then the chunks are not counted. */
  prompt?: string;
};

export type JobFigures = {
  /** Chunks. */
  items: number;
  elapsedMs: number;
  jobs: number;
  bytes: number;
  chunksPerSecond: number;
  jobsPerSecond: number;
  bytesPerSecond: number;
  /** From the upstream's write to the client. */
  latencyP50Ms: number;
  latencyP99Ms: number;
  latencyMaxMs: number;
  /** From sending `execute` to the first chunk. */
  firstP50Ms: number;
  firstP95Ms: number;
  firstP99Ms: number;
  firstMaxMs: number;
};

/** A longer chunk may come in several events. */
const WHOLE_CHUNK = 60_000;
/** More are counted only. */
const LATENCIES_KEPT = 4_000_000;

function isComplete(got: number, { chunks, size }: Script): boolean {
  return size > WHOLE_CHUNK ? got >= chunks : got === chunks;
}

export async function runJobs(plan: RunJobs, mark: Mark): Promise<Outcome<JobFigures>> {
  const { targets, connections, jobs, script } = plan;
  const prompt = plan.prompt ?? promptFor(script);
  const faults = createFaults();
  const latencies: number[] = [];
  const firsts: number[] = [];
  const keepsLatencies = script.chunks * jobs <= LATENCIES_KEPT;
  const done = Promise.withResolvers<void>();
  let [started, ended, chunks, bytes] = [0, 0, 0, 0];

  async function openOne(target: Target) {
    let startedAt = 0;
    let got = 0;

    function next(): void {
      if (started === jobs) return;
      started += 1;
      got = 0;
      reader.reset();
      startedAt = monotonicUs();
      connection.send('execute', { prompt });
    }

    const reader = createEventReader({
      onOutput(stampUs, length) {
        const now = monotonicUs();
        if (got === 0) firsts.push(now - startedAt);
        got += 1;
        chunks += 1;
        bytes += length;
        if (keepsLatencies && !Number.isNaN(stampUs)) latencies.push(now - stampUs);
      },
      onEnd(type) {
        if (type !== 'completed') faults.add(`a job ended as ${type}`);
        if (plan.prompt === undefined && !isComplete(got, script)) {
          faults.add(`${got} of ${script.chunks} chunks came`);
        }
        ended += 1;
        if (ended === jobs) done.resolve();
        else next();
      },
      onFault: faults.add,
    });
    const connection = await openConnection(target, reader.read);
    return { next, close: connection.close };
  }

  const list = await Promise.all(
    Array.from({ length: connections }, (_, index) => openOne(targets[index % targets.length]!)),
  );
  const begin = () => {
    for (const { next } of list) next();
  };
  const { elapsedMs, isLate } = await timed(mark, begin, done.promise);
  if (isLate) faults.add(`only ${ended} of ${jobs} jobs ended in time`);
  await Promise.all(list.map(({ close }) => close()));
  const perSecond = (count: number) => (count / elapsedMs) * 1_000;
  const latency = quantiles(latencies);
  const first = quantiles(firsts);
  return {
    figures: {
      items: chunks,
      elapsedMs,
      jobs: ended,
      bytes,
      chunksPerSecond: perSecond(chunks),
      jobsPerSecond: perSecond(ended),
      bytesPerSecond: perSecond(bytes),
      latencyP50Ms: latency.p50Ms,
      latencyP99Ms: latency.p99Ms,
      latencyMaxMs: latency.maxMs,
      firstP50Ms: first.p50Ms,
      firstP95Ms: first.p95Ms,
      firstP99Ms: first.p99Ms,
      firstMaxMs: first.maxMs,
    },
    faults: faults.kept,
  };
}
