/** Jobs that come at a steady rate on one connection, whether those before have ended or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicUs } from '../clock.ts';
import { promptFor, type Script } from '../script.ts';
import { openConnection, type Target } from './connection.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import { createFaults, type Mark, type Outcome, timed } from './task.ts';

export type OpenLoop = {
  targets: readonly Target[];
  perSecond: number;
  jobs: number;
  script: Script;
};

export type OpenLoopFigures = {
  /** Jobs. */
  items: number;
  elapsedMs: number;
  /** From sending `execute` to its answer. */
  acceptedP50Ms: number;
  acceptedP99Ms: number;
  /** From the answer to the moment at which upstream was asked; 0 when that was before. */
  pickedUpP50Ms: number;
  pickedUpP99Ms: number;
  /** Both together. */
  begunP50Ms: number;
  begunP99Ms: number;
};

const JOB_ID = '"jobId":"';

export async function openLoop(plan: OpenLoop, mark: Mark): Promise<Outcome<OpenLoopFigures>> {
  const { targets, perSecond, jobs, script } = plan;
  const prompt = promptFor(script);
  const faults = createFaults();
  const accepted: number[] = [];
  const pickedUp: number[] = [];
  const begun: number[] = [];
  const readers = new Map<string, EventReader>();
  const done = Promise.withResolvers<void>();
  let ended = 0;

  /** The answer comes before any event of its job. */
  function follow(jobId: string, sentAtUs: number, acceptedAtUs: number): void {
    let isFirst = true;
    const reader = createEventReader({
      onOutput(stampUs) {
        if (!isFirst) return;
        isFirst = false;
        pickedUp.push(Math.max(0, stampUs - acceptedAtUs));
        begun.push(stampUs - sentAtUs);
      },
      onEnd(type) {
        if (type !== 'completed') faults.add(`a job ended as ${type}`);
        readers.delete(jobId);
        ended += 1;
        if (ended === jobs) done.resolve();
      },
      onFault: faults.add,
    });
    readers.set(jobId, reader);
  }

  const connection = await openConnection(targets[0]!, (head, bytes) => {
    const from = head.indexOf(JOB_ID) + JOB_ID.length;
    readers.get(head.slice(from, head.indexOf('"', from)))?.read(head, bytes);
  });

  function execute(): void {
    const sentAtUs = monotonicUs();
    connection
      .ask<{ jobId: string }>('execute', { prompt }, ({ jobId }) => {
        const acceptedAtUs = monotonicUs();
        accepted.push(acceptedAtUs - sentAtUs);
        follow(jobId, sentAtUs, acceptedAtUs);
      })
      .catch((error: Error) => faults.add(`a job was refused: ${error.message}`));
  }

  async function keepAsking(): Promise<void> {
    const from = performance.now();
    for (let asked = 0; asked < jobs; asked += 1) {
      const waitMs = (asked * 1_000) / perSecond - (performance.now() - from);
      if (waitMs > 0) await sleep(waitMs);
      execute();
    }
  }

  const { elapsedMs, isLate } = await timed(mark, () => void keepAsking(), done.promise);
  if (isLate) faults.add(`only ${ended} of ${jobs} jobs ended in time`);
  await connection.close();
  const [acceptance, pickUp, beginning] = [accepted, pickedUp, begun].map(quantiles) as [
    Quantiles,
    Quantiles,
    Quantiles,
  ];
  return {
    figures: {
      items: ended,
      elapsedMs,
      acceptedP50Ms: acceptance.p50Ms,
      acceptedP99Ms: acceptance.p99Ms,
      pickedUpP50Ms: pickUp.p50Ms,
      pickedUpP99Ms: pickUp.p99Ms,
      begunP50Ms: beginning.p50Ms,
      begunP99Ms: beginning.p99Ms,
    },
    faults: faults.kept,
  };
}
