/** Looks into the process table: who is there, whose it is, and whether it stands still. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { MARKER_VARIABLE } from '../src/process-table.ts';
import { SUPERVISOR_NAME } from '../src/supervision.ts';

export interface ProcessOfExecution {
  readonly pid: number;
  readonly parent: number;
  /** `T`: it is stopped. */
  readonly state: string;
}

/** The living processes of executions whose id begins like this. */
export function processesOf(executionId: string): ProcessOfExecution[] {
  const start = `${MARKER_VARIABLE}=${executionId}`;
  return processesThat((folder) =>
    readFileSync(`${folder}/environ`, 'latin1')
      .split('\0')
      .some((entry) => entry.startsWith(start)),
  );
}

/** The living processes with such an argument, whatever their environment. */
export function processesNamed(name: string): ProcessOfExecution[] {
  return processesThat((folder) =>
    readFileSync(`${folder}/cmdline`, 'latin1')
      .split('\0')
      .some((argument) => argument.includes(name)),
  );
}

/** Those of `processesOf` that are not there to hold the others together. */
export function heldProcessesOf(executionId: string): ProcessOfExecution[] {
  const supervisors = new Set(processesNamed(SUPERVISOR_NAME).map(({ pid }) => pid));
  return processesOf(executionId).filter(({ pid }) => !supervisors.has(pid));
}

/** The CLI of an execution: the one that the others descend from. */
export function cliOf(executionId: string): ProcessOfExecution | undefined {
  const held = heldProcessesOf(executionId);
  const pids = new Set(held.map(({ pid }) => pid));
  return held.find(({ parent }) => parent !== 1 && !pids.has(parent));
}

function processesThat(condition: (folder: string) => boolean): ProcessOfExecution[] {
  const found: ProcessOfExecution[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!condition(`/proc/${name}`)) continue;
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
