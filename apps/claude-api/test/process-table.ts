/** Looks into the process table: who is there, whose it is, and whether it stands still. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { MARKER_VARIABLE } from '../src/process-tree.ts';

export interface ProcessOfExecution {
  readonly pid: number;
  readonly parent: number;
  /** `T`: it is stopped. */
  readonly state: string;
}

/** The living processes of executions whose id begins like this. */
export function processesOf(executionId: string): ProcessOfExecution[] {
  const start = `${MARKER_VARIABLE}=${executionId}`;
  const found: ProcessOfExecution[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      if (!environment.some((entry) => entry.startsWith(start))) continue;
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state !== 'Z') found.push({ pid: Number(name), parent: Number(parent), state });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Waits until a condition on the process table holds; it has no event to wait for. */
export async function untilProcesses(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const endAt = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endAt) throw new Error(`not so within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
