/** What /proc tells of processes: who lives, who is whose child, how much memory and how many sockets they hold. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Whether the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Whether the process is stopped (SIGSTOP). */
export function isStopped(pid: number): boolean {
  return statOf(pid)?.state === 'T';
}

/** All living descendants of a process. */
export function descendants(pid: number): number[] {
  const parents = new Map(livingPids().map((candidate) => [candidate, statOf(candidate)?.parent]));
  const found: number[] = [];
  for (let wave = [pid]; wave.length > 0; ) {
    wave = [...parents].filter(([, parent]) => wave.includes(parent ?? -1)).map(([child]) => child);
    found.push(...wave);
  }
  return found;
}

/** Living processes of a claude-api's executions: all below it but the guard, which it has from its start. */
export function executionProcesses(pid: number): number[] {
  return descendants(pid).filter((candidate) => !argumentsOf(candidate).includes('cc-executor-guard'));
}

/** Living processes whose command line or environment holds the text. */
export function processesWith(text: string): number[] {
  return livingPids().filter(
    (pid) =>
      pid !== process.pid && [read(pid, 'cmdline'), read(pid, 'environ')].some((it) => it.includes(text)),
  );
}

/** The arguments of a process, the program's own name first. */
export function argumentsOf(pid: number): string[] {
  return read(pid, 'cmdline').split('\0');
}

/** The variables that a process was started with. */
export function environmentOf(pid: number): Record<string, string> {
  const entries = read(pid, 'environ')
    .split('\0')
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  return Object.fromEntries(entries);
}

/** Resident memory in MB, now and at its highest. */
export function memoryOf(pid: number): { rssMb: number; peakMb: number } {
  const status = read(pid, 'status');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { rssMb: field('VmRSS'), peakMb: field('VmHWM') };
}

/** How many sockets it has open. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}

function livingPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isAlive);
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  // The name before it may hold blanks and parentheses.
  const [, state, parent] = / *\) (\S) (\d+)[^)]*$/.exec(read(pid, 'stat')) ?? [];
  return state === undefined ? undefined : { state, parent: Number(parent) };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended, or is another user's.
    return '';
  }
}
