/** What a log would read without the fault: the same plan, run again in peace, and compared event for event. */
import { createKeys } from '@cc-executor/job-log';
import { type Plan, planPrompt, readRawLog } from '@cc-executor/testing';
import { expect } from 'vitest';
import type { FaultStack } from './harness.ts';

/**
 * Expects that the job's log reads as that of a job with the same prompt that meets no fault, apart from times,
 * names and what waited before it, and that upstream was called once for it.
 */
export async function expectAsWithoutFault(faults: FaultStack, jobId: string, prompt: string): Promise<void> {
  const client = await faults.client();
  const twin = await client.execute({ prompt: planPrompt({ ...(JSON.parse(prompt) as Plan), paceMs: 0 }) });
  await faults.upstream.untilOutput(twin);
  faults.upstream.release();
  await client.terminal(twin);
  expect(await readLog(faults, jobId)).toEqual(await readLog(faults, twin));
  expect(faults.upstream.calls().filter((call) => call.jobId === jobId)).toHaveLength(1);
}

async function readLog({ redis }: FaultStack, jobId: string): Promise<unknown[]> {
  const log = await readRawLog(redis.admin, createKeys('cce'), jobId);
  return log.map((json) => {
    // The execution is named after the job.
    const anonymous = json.replaceAll(jobId, 'job');
    const {
      epoch: _epoch,
      time: _time,
      position: _position,
      durationMs: _duration,
      timings: _timings,
      ...rest
    } = JSON.parse(anonymous);
    return rest;
  });
}
