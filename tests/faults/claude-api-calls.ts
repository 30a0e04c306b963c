/** Jobs whose upstream calls go wrong, many at once: how each ended, and what upstream was asked for it. */
import type { ExecuteParams, TerminalEvent } from '@cc-executor/protocol';
import { type CallEnd, planText, type UpstreamCallRecord } from '@cc-executor/testing';
import { expect } from 'vitest';
import type { FaultStack } from './harness.ts';

export type Scene = {
  /** How the calls go; the last one goes on for all further calls. */
  ends: CallEnd[];
  /** 0: nothing is out; 1: all of the output is; otherwise a call that breaks off has sent half of it. Default 20. */
  chunks?: number;
  retry: NonNullable<ExecuteParams['retry']>;
  timeouts?: ExecuteParams['timeouts'];
  expected: Partial<Omit<TerminalEvent, 'error'>> & {
    error?: object;
    evidence?: string;
    partial?: boolean;
    limit?: string;
  };
  calls: number;
};

export const policies = ['safe', 'never', 'always'] as const;

/** Runs all scenes at once, and expects of each its end, its number of calls, and a whole text when it completed. */
export async function expectEndings(faults: FaultStack, scenes: Scene[]): Promise<void> {
  await Promise.all(
    scenes.map(async ({ ends, chunks = 20, retry, timeouts, expected, calls }) => {
      const client = await faults.client();
      const { plan, prompt } = faults.plan({ ends, chunks });
      const jobId = await client.execute({ prompt, retry, ...(timeouts ? { timeouts } : {}) });
      const terminal = await client.terminal(jobId);
      const scene = JSON.stringify({ ends, chunks, retry });
      expect(terminal, scene).toMatchObject(expected);
      expect(callsOf(faults, jobId), scene).toHaveLength(calls);
      if (terminal.type === 'completed') expect(terminal.text ?? '', scene).toBe(planText(plan));
      // Whatever had begun and was begun anew is taken back in the log.
      const begun = callsOf(faults, jobId).filter((call) => call.endedBy !== 'refused').length;
      const resets = client.wire.events(jobId).filter(({ type }) => type === 'reset');
      expect(resets, scene).toHaveLength(Math.max(0, begun - 1));
    }),
  );
}

export function callsOf({ upstream }: FaultStack, jobId: string): UpstreamCallRecord[] {
  return upstream.calls().filter((call) => call.jobId === jobId);
}

/** The same scene under every policy that must not call again. */
export function once(
  scene: Omit<Scene, 'retry' | 'calls'>,
  retries: Scene['retry'][] = ['safe', 'never'],
): Scene[] {
  return retries.map((retry) => ({ ...scene, retry, calls: 1 }));
}
