/** Brings jobs to the moments of the fault matrix, so that one fault can meet all of them. */
import type { ExecuteParams } from '@cc-executor/protocol';
import type { Plan } from '@cc-executor/testing';
import type { FaultStack } from './harness.ts';
import type { ListeningClient } from './recording-client.ts';

/** The slots that `bringToMoments` fills, for the environment of the worker that is to have them. */
export const THREE_SLOTS = { WORKER_CONCURRENCY: '3' };

export type MomentJobs = { queued: string; claimed: string; streaming: string; finishing: string };
type PlanParts = Partial<Omit<Plan, 'nonce'>>;

/**
 * Four jobs for three slots: (b) queued, (c) claimed with nothing out yet, (d) mid-stream, and (e) one that finishes
 * when the test calls `upstream.release()`. Resolves when the client has seen all there is to see.
 */
export async function bringToMoments(
  faults: FaultStack,
  client: ListeningClient,
  {
    params = {},
    plans = {},
  }: { params?: Partial<ExecuteParams>; plans?: Partial<Record<keyof MomentJobs, PlanParts>> } = {},
): Promise<MomentJobs> {
  const calls = faults.upstream.calls().length;
  const start = (parts: PlanParts) => client.execute({ prompt: faults.plan(parts).prompt, ...params });
  const finishing = await start({ chunks: 4, ends: ['pause', 'complete'], ...plans.finishing });
  const streaming = await start({ chunks: 500, paceMs: 20, ...plans.streaming });
  const claimed = await start({ ends: ['silent-headers', 'complete'], ...plans.claimed });
  for (const jobId of [finishing, streaming]) await untilOutput(client, jobId);
  await faults.upstream.untilCalls(calls + 3);
  const queued = await start({ chunks: 4, ...plans.queued });
  return { queued, claimed, streaming, finishing };
}

/** Resolves when the client has seen output of the job. */
export async function untilOutput(client: ListeningClient, jobId: string): Promise<void> {
  await client.wire.until(({ params }) => params?.jobId === jobId && params.type === 'output');
}

/** Lets the calls that pause go on, and resolves when upstream has told the end of the job's call. */
export async function completeUpstream(faults: FaultStack, jobId: string): Promise<void> {
  await faults.upstream.releaseWhile(faults.upstream.untilEnded(jobId));
}

/** What a worker's death makes of a job that may not be run again. */
export const workerLost = { type: 'failed', error: { code: 'worker_lost', retrySafe: false } };
