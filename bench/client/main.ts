/**
 * The load client: one process, the same for all systems. It does one task at a time, as the harness tells it over IPC, and
 * stops at each task's marks until the harness has looked at the processes.
 */
import { announce } from '../announce.ts';
import { awaitEnd } from './await-end.ts';
import { fanOut } from './fan-out.ts';
import { closeIdle, openIdle } from './idle.ts';
import { makeJob } from './make-job.ts';
import { beginNoise, endNoise } from './noise.ts';
import { openLoop } from './open-loop.ts';
import { replay } from './replay.ts';
import { runJobs } from './run-jobs.ts';
import { storm } from './storm.ts';
import type { Mark } from './task.ts';

const tasks = {
  ...{ awaitEnd, closeIdle, fanOut, makeJob, openIdle, openLoop, replay, runJobs, storm },
  ...{ beginNoise, endNoise },
};

export type Tasks = typeof tasks;
export type TaskName = keyof Tasks;

/** From the harness. */
export type Order = { task: TaskName; plan: unknown } | { goOn: true };
/** To the harness. */
export type Message = { mark: Parameters<Mark>[0] } | { outcome: unknown } | { error: string };

let goOn: () => void = () => undefined;

function say(message: Message): void {
  process.send?.(message);
}

const mark: Mark = (name) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  goOn = resolve;
  say({ mark: name });
  return promise;
};

process.on('message', async (order: Order) => {
  if ('goOn' in order) return goOn();
  try {
    const task = tasks[order.task] as (plan: unknown, mark: Mark) => Promise<unknown>;
    say({ outcome: await task(order.plan, mark) });
  } catch (error) {
    say({ error: String((error as Error).stack) });
  }
});
announce();
