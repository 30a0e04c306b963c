/** Runs a job that nobody listens to, for those that attach later. */
import { setTimeout as sleep } from 'node:timers/promises';
import { promptFor, type Script } from '../script.ts';
import { openConnection, type Target } from './connection.ts';
import type { Figures, Outcome } from './task.ts';

export type MakeJob = { targets: readonly Target[]; script: Script };

const LOOK_MS = 50;

/** Resolves when it has ended, with its id and the length of its log. */
export async function makeJob({ targets, script }: MakeJob): Promise<Outcome<Figures> & { jobId: string }> {
  const startedAt = performance.now();
  const connection = await openConnection(targets[0]!, () => undefined);
  const params = { prompt: promptFor(script), attach: false };
  const { jobId } = await connection.ask<{ jobId: string }>('execute', params);
  let job: { status: string; lastSeq: number; terminal?: object };
  do {
    await sleep(LOOK_MS);
    job = await connection.ask('get', { jobId });
  } while (job.terminal === undefined);
  await connection.close();
  const faults = job.status === 'completed' ? [] : [`the job ended as ${job.status}`];
  return { figures: { items: job.lastSeq, elapsedMs: performance.now() - startedAt }, faults, jobId };
}
