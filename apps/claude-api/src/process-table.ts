/** The processes of this machine as /proc shows them: whose child each is, and which execution it says it belongs to. */
import { readdirSync, readFileSync } from 'node:fs';

/** Every process that an execution starts inherits this variable: `<execution>/<owner>/<unique>`. */
export const MARKER_VARIABLE = 'CC_EXECUTOR_EXECUTION_ID';

/** `ended`: nobody has asked yet how; `stopped`: it takes no step until it is continued; `traced`: until its tracer wants it. */
type ProcessState = 'ended' | 'stopped' | 'traced' | 'moving';

export type Process = {
  readonly pid: number;
  /** Since when it is there, in clock ticks: ids are used again. */
  readonly start: string;
  readonly parent: number;
  readonly state: ProcessState;
};

export type MarkedProcess = Process & { readonly marker: string | undefined };

/** Of /proc/…/stat, from the state on, which follows the name in brackets; that may hold anything. */
const [STATE, PARENT, THREADS, START] = [0, 1, 17, 19];
/** A thread that waits in the kernel (D) stops before it goes on: the parent in vfork, for instance, until its child has begun. */
const AT_REST = /^[TtDZX]+$/;
/** What a look at something gives that has ended meanwhile, or is another user's. */
const NOT_TO_BE_SEEN = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'];
const STOP_BIT = 1n << 18n;

/** Undefined when there is none. */
export function readProcess(pid: number): Process | undefined {
  const fields = readStat(`${pid}`);
  const { [STATE]: state = '', [PARENT]: parent, [START]: start } = fields;
  if (parent === undefined || start === undefined) return undefined;
  return { pid, start, parent: Number(parent), state: judge(pid, state, Number(fields[THREADS])) };
}

/** Whose parent it is now, each time it is called. Exact where no child ends meanwhile; else one may be left out. */
export type ReadChildren = (pid: number) => readonly number[];

/** Where the kernel keeps no lists of children, all processes are looked through, once. */
export function openFamilies(): ReadChildren {
  if (!keepsLists()) {
    const families = Map.groupBy(readPids(), (pid) => readProcess(pid)?.parent);
    return (pid) => families.get(pid) ?? [];
  }
  return (pid) =>
    tasksOf(pid).flatMap((task) => numbersOf((readText(`${pid}/task/${task}/children`) ?? '').split(' ')));
}

/** All processes of this machine, with their markers; none where there is no /proc. */
export function readProcesses(): MarkedProcess[] {
  return readPids().flatMap((pid) => {
    const process = readProcess(pid);
    return process === undefined ? [] : [{ ...process, marker: readMarker(pid) }];
  });
}

let listsKept: boolean | undefined;

function keepsLists(): boolean {
  listsKept ??= readText(`${process.pid}/task/${process.pid}/children`) !== undefined;
  return listsKept;
}

function readPids(): number[] {
  return process.platform === 'linux' ? numbersOf(readdirSync('/proc')) : [];
}

function readMarker(pid: number): string | undefined {
  const start = `${MARKER_VARIABLE}=`;
  const entry = readText(`${pid}/environ`)
    ?.split('\0')
    .find((text) => text.startsWith(start));
  return entry?.slice(start.length);
}

/** A process whose first thread has ended lives on as long as it has others. */
function judge(pid: number, state: string, threads: number): ProcessState {
  const states =
    threads > 1 ? tasksOf(pid).map((task) => readStat(`${pid}/task/${task}`)[STATE] ?? '') : [state];
  const all = states.join('');
  if (/^[ZX]*$/.test(all)) return 'ended';
  if (!AT_REST.test(all)) return 'moving';
  if (all.includes('T') || (all.includes('D') && isToStop(pid))) return 'stopped';
  return all.includes('t') ? 'traced' : 'moving';
}

/** Whether it has been told to stop and has not come to it. */
function isToStop(pid: number): boolean {
  const status = readText(`${pid}/status`) ?? '';
  const waiting = [...status.matchAll(/^(?:Shd|Sig)Pnd:\s*([0-9a-f]+)$/gm)];
  return waiting.some(([, mask]) => (BigInt(`0x${mask}`) & STOP_BIT) !== 0n);
}

function tasksOf(pid: number): string[] {
  return look(() => readdirSync(`/proc/${pid}/task`)) ?? [];
}

function readStat(folder: string): string[] {
  const stat = readText(`${folder}/stat`) ?? '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readText(file: string): string | undefined {
  return look(() => readFileSync(`/proc/${file}`, 'latin1'));
}

/** @throws where this process cannot look (no descriptor is left, say): nothing is known then, not that nothing is there */
function look<Seen>(read: () => Seen): Seen | undefined {
  try {
    return read();
  } catch (error) {
    if (NOT_TO_BE_SEEN.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function numbersOf(names: readonly string[]): number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
