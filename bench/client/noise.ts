/**
 * A tenant at its limits on every axis at once, and beyond: frames, lists, logs read again, prompts and outputs of the largest
 * size, pauses, verifying, connections that do not read. What is asked comes at a steady rate, whoever keeps up or not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { promptFor, type Script } from '../script.ts';
import { type Connection, openConnection, type Target } from './connection.ts';
import type { Figures, Outcome } from './task.ts';

export type Noise = {
  targets: readonly Target[];
  connections: number;
  /** How often each is asked for, in a second. */
  perSecond: Readonly<Record<Axis, number>>;
  /** Of a job that is over before it begins to be read again. */
  past: Script;
  /** Of the jobs that are submitted. */
  present: Script;
  promptLength: number;
};

type Axis = 'get' | 'list' | 'attach' | 'execute' | 'pause' | 'verify' | 'junk' | 'visit' | 'deaf';

export type NoiseFigures = Figures & { refused: number } & Readonly<Record<Axis, number>>;

const TICK_MS = 10;
const LOOK_MS = 100;
const PAUSE_MS = 300;
/** Of a frame that asks for nothing there is. */
const JUNK_BYTES = 100_000;
/** Connections that are attached and do not read. */
const MAX_DEAF = 8;

let stop: (() => Promise<Outcome<NoiseFigures>>) | undefined;

/** Resolves when it has begun; it goes on until `endNoise`. */
export async function beginNoise(plan: Noise): Promise<Outcome<Figures>> {
  const { targets, perSecond, past, present, promptLength } = plan;
  const startedAt = performance.now();
  const targetOf = (index: number) => targets[index % targets.length]!;
  const connections = await Promise.all(
    Array.from({ length: plan.connections }, (_, index) => openConnection(targetOf(index), () => undefined)),
  );
  const pastId = await runToEnd(connections[0]!, past);
  const junk = 'x'.repeat(JUNK_BYTES);
  const asked: Record<Axis, number> = {
    ...{ get: 0, list: 0, attach: 0, execute: 0, pause: 0, verify: 0, junk: 0, visit: 0, deaf: 0 },
  };
  const jobs: string[] = [];
  const underWay = new Set<Promise<void>>();
  const deaf: Connection[] = [];
  let [turn, refused, isOver] = [0, 0, false];

  const axes: Record<Axis, (connection: Connection) => Promise<unknown>> = {
    get: (connection) => connection.ask('get', { jobId: pastId }),
    list: (connection) => connection.ask('list', { limit: 100, text: 'nowhere' }),
    attach: (connection) => connection.ask('attach', { jobId: pastId, afterSeq: 0 }),
    async execute(connection) {
      const { jobId } = await connection.ask<{ jobId: string }>('execute', {
        prompt: promptFor(present, promptLength),
      });
      jobs.push(jobId);
    },
    async pause(connection) {
      const jobId = jobs.shift() ?? pastId;
      await connection.ask('pause', { jobId });
      await sleep(PAUSE_MS);
      await connection.ask('resume', { jobId });
    },
    verify: (connection) => connection.ask('verify', { jobId: pastId }),
    junk: (connection) => connection.ask('nothing', { junk }),
    async visit() {
      const visitor = await openConnection(targetOf(turn), () => undefined);
      await visitor.close();
    },
    async deaf() {
      const listener = await openConnection(targetOf(turn), () => undefined);
      listener.send('attach', { jobId: pastId, afterSeq: 0 });
      listener.pause();
      deaf.push(listener);
      if (deaf.length > MAX_DEAF) await deaf.shift()?.close();
    },
  };
  const names = Object.keys(axes) as Axis[];

  function make(axis: Axis): void {
    asked[axis] += 1;
    turn += 1;
    const making = axes[axis](connections[turn % connections.length]!)
      .then(
        () => undefined,
        () => {
          refused += 1;
        },
      )
      .finally(() => underWay.delete(making));
    underWay.add(making);
  }

  async function keepOn(): Promise<void> {
    const from = performance.now();
    while (!isOver) {
      const seconds = (performance.now() - from) / 1_000;
      for (const axis of names) while (asked[axis] < seconds * perSecond[axis]) make(axis);
      await sleep(TICK_MS);
    }
  }

  const going = keepOn();
  stop = async () => {
    isOver = true;
    await going;
    await Promise.all(underWay);
    await cancelAll(connections[0]!);
    await Promise.all([...connections, ...deaf].map((connection) => connection.close()));
    const items = Object.values(asked).reduce((sum, count) => sum + count, 0);
    return { figures: { items, elapsedMs: performance.now() - startedAt, refused, ...asked }, faults: [] };
  };
  return { figures: { items: connections.length, elapsedMs: performance.now() - startedAt }, faults: [] };
}

/** What was asked of each axis, and how much of all of it was refused. */
export async function endNoise(): Promise<Outcome<NoiseFigures>> {
  if (stop === undefined) throw new Error('there is no noise');
  const ending = stop;
  stop = undefined;
  return ending();
}

/** Nothing of it is left for those who measure what comes next. */
async function cancelAll(connection: Connection): Promise<void> {
  const unfinished = { status: 'unfinished' };
  const isOver = async () => {
    await connection.ask('cancelMany', unfinished);
    const { jobs } = await connection.ask<{ jobs: object[] }>('list', unfinished);
    return jobs.length === 0;
  };
  // It has asked for all that it may: it is refused for a moment.
  while (!(await isOver().catch(() => false))) await sleep(LOOK_MS);
}

async function runToEnd(connection: Connection, script: Script): Promise<string> {
  const { jobId } = await connection.ask<{ jobId: string }>('execute', {
    prompt: promptFor(script),
    attach: false,
  });
  for (;;) {
    const { terminal } = await connection.ask<{ terminal?: object }>('get', { jobId });
    if (terminal !== undefined) return jobId;
    await sleep(LOOK_MS);
  }
}
