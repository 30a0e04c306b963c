/** Looks into the process table: who is there, whose it is, and whether it stands still. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { MARKER_VARIABLE, readProcess } from '../src/process-table.ts';
import { SUPERVISOR_NAME } from '../src/supervision.ts';

export type ProcessOfExecution = {
  readonly pid: number;
  readonly parent: number;
  /** As /proc names it. */
  readonly state: string;
};

/** The living processes of executions whose id begins like this. */
export function processesOf(executionId: string): ProcessOfExecution[] {
  const start = `\0${MARKER_VARIABLE}=${executionId}`;
  return lookAround().filter(({ environment }) => environment.includes(start));
}

/** The living processes with such an argument, whatever their environment. */
export function processesNamed(name: string): ProcessOfExecution[] {
  return lookAround().filter(({ command }) => command.includes(name));
}

/** Those of them that are not there to hold the others together. */
export function heldProcessesNamed(name: string): ProcessOfExecution[] {
  return lookAround().filter(({ command }) => command.includes(name) && !command.includes(SUPERVISOR_NAME));
}

/** Whether none of them takes a step until it is let go on. */
export function areStill(processes: readonly ProcessOfExecution[]): boolean {
  return processes.every(({ pid }) => readProcess(pid)?.state === 'stopped');
}

/** Those of `processesOf` that are not there to hold the others together. */
export function heldProcessesOf(executionId: string): ProcessOfExecution[] {
  const supervisors = new Set(processesNamed(SUPERVISOR_NAME).map(({ pid }) => pid));
  return processesOf(executionId).filter(({ pid }) => !supervisors.has(pid));
}

/** What holds an execution that this process began: the child that all of it descends from. */
export function holderOf(executionId: string): Seen | undefined {
  const start = `\0${MARKER_VARIABLE}=${executionId}`;
  return childrenOf(process.pid).find(({ environment }) => environment.includes(start));
}

/** The CLI of such an execution: the one that the others descend from. */
export function cliOf(executionId: string): ProcessOfExecution | undefined {
  const start = `\0${MARKER_VARIABLE}=${executionId}`;
  const holder = holderOf(executionId);
  if (holder === undefined) return undefined;
  const held = [holder, ...descendantsOf(holder.pid)].filter(
    ({ command, environment }) => environment.includes(start) && !command.includes(SUPERVISOR_NAME),
  );
  const pids = new Set(held.map(({ pid }) => pid));
  return held.find(({ parent }) => parent !== 1 && !pids.has(parent));
}

type Seen = ProcessOfExecution & { command: string; environment: string };

/** What was seen in this turn of the event loop: many may wait for something in it, and to look is expensive. */
let seen: Seen[] | undefined;

function lookAround(): Seen[] {
  if (seen !== undefined) return seen;
  seen = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? lookAt(name) : []));
  setImmediate(() => {
    seen = undefined;
  });
  return seen;
}

/** Much less to look at than all processes; those whose parent has ended are not among them. */
function descendantsOf(pid: number): Seen[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child.pid)]);
}

function childrenOf(pid: number): Seen[] {
  const children = tasksOf(pid).flatMap(
    (task) => readFile(`${pid}/task/${task}`, 'children').match(/\d+/g) ?? [],
  );
  return children.flatMap(lookAt);
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // It ended while we looked.
    return [];
  }
}

function lookAt(name: string): Seen[] {
  const stat = readFile(name, 'stat');
  const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (parent === undefined || state === 'Z') return [];
  const [command, environment] = [readFile(name, 'cmdline'), `\0${readFile(name, 'environ')}`];
  return [{ pid: Number(name), parent: Number(parent), state, command, environment }];
}

function readFile(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It ended while we looked, or is another user's.
    return '';
  }
}

/** Waits until a condition on the process table holds; it has no event to wait for. */
export async function untilProcesses(condition: () => boolean, withinMs = 30_000): Promise<void> {
  const endAt = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endAt) {
      const there = descendantsOf(process.pid).map(({ environment: _, ...more }) => JSON.stringify(more));
      throw new Error(`not so within ${withinMs} ms; there are:\n${there.join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
