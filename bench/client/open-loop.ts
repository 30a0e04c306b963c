/** Jobs that come at a steady rate on one connection, whether those before have ended or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicUs } from '../clock.ts';
import { promptFor, type Script } from '../script.ts';
import { openConnection, type Target } from './connection.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { quantiles } from './quantiles.ts';
import { createFaults, type Mark, type Outcome, timed } from './task.ts';

export type OpenLoop = {
  targets: readonly Target[];
  perSecond: number;
  jobs: number;
  script: Script;
  /** Asks for each job when it has ended. */
  looks?: boolean;
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
  /** From sending `execute` to the first chunk, and to the terminal event. */
  firstP50Ms: number;
  firstP99Ms: number;
  endedP50Ms: number;
  endedP99Ms: number;
  /** From sending `get` to its answer; NaN where nobody looks. */
  lookedP50Ms: number;
  lookedP99Ms: number;
};

const JOB_ID = '"jobId":"';

export async function openLoop(plan: OpenLoop, mark: Mark): Promise<Outcome<OpenLoopFigures>> {
  const { targets, perSecond, jobs, script, looks = false } = plan;
  const prompt = promptFor(script);
  const faults = createFaults();
  const times = {
    ...{ accepted: [] as number[], pickedUp: [] as number[], begun: [] as number[] },
    ...{ first: [] as number[], ended: [] as number[], looked: [] as number[] },
  };
  const readers = new Map<string, EventReader>();
  const done = Promise.withResolvers<void>();
  let settled = 0;

  function settle(): void {
    settled += 1;
    if (settled === jobs) done.resolve();
  }

  function look(jobId: string): void {
    const sentAtUs = monotonicUs();
    const answered = () => times.looked.push(monotonicUs() - sentAtUs);
    connection
      .ask('get', { jobId }, answered)
      .catch((error: Error) => faults.add(`a job was not shown: ${error.message}`))
      .finally(settle);
  }

  /** The answer comes before any event of its job. */
  function follow(jobId: string, sentAtUs: number, acceptedAtUs: number): void {
    let isFirst = true;
    const reader = createEventReader({
      onOutput(stampUs) {
        if (!isFirst) return;
        isFirst = false;
        times.pickedUp.push(Math.max(0, stampUs - acceptedAtUs));
        times.begun.push(stampUs - sentAtUs);
        times.first.push(monotonicUs() - sentAtUs);
      },
      onEnd(type) {
        if (type !== 'completed') faults.add(`a job ended as ${type}`);
        readers.delete(jobId);
        times.ended.push(monotonicUs() - sentAtUs);
        if (looks) look(jobId);
        else settle();
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
        times.accepted.push(acceptedAtUs - sentAtUs);
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
  if (isLate) faults.add(`only ${settled} of ${jobs} jobs ended in time`);
  await connection.close();
  const { accepted, pickedUp, begun, first, ended, looked } = times;
  return {
    figures: {
      items: ended.length,
      elapsedMs,
      ...named('accepted', accepted),
      ...named('pickedUp', pickedUp),
      ...named('begun', begun),
      ...named('first', first),
      ...named('ended', ended),
      ...named('looked', looked),
    },
    faults: faults.kept,
  };
}

function named<N extends string>(name: N, timesUs: readonly number[]) {
  const { p50Ms, p99Ms } = quantiles(timesUs);
  return { [`${name}P50Ms`]: p50Ms, [`${name}P99Ms`]: p99Ms } as Record<`${N}P50Ms` | `${N}P99Ms`, number>;
}
