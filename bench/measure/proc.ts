/** What Linux says about processes and the machine, in /proc. Elsewhere it is unknown: undefined. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel's own unit there is a hundredth of a second, on every platform that Node has. */
const TICK_US = 10_000;

/** CPU time of a process so far, of all its threads, in µs. 0 when it has ended. */
export function cpuUs(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return schedulerUs(pid) ?? ticksUs(pid);
}

/** Resident memory of a process in MB. */
export function residentMb(pid: number): number | undefined {
  const status = read(`/proc/${pid}/status`);
  const kb = /VmRSS:\s+(\d+)/.exec(status ?? '')?.[1];
  return kb === undefined ? undefined : Number(kb) / 1_024;
}

/** CPU time that the whole machine has spent so far, in µs, on everything. */
export function machineUs(): number | undefined {
  const line = read('/proc/stat')?.split('\n', 1)[0];
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) * TICK_US;
}

/** The scheduler counts nanoseconds, for each thread; not every kernel shows them. */
function schedulerUs(pid: number): number | undefined {
  let sum = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ', 1)[0] ?? 0);
    }
  } catch {
    return undefined;
  }
  return sum > 0 ? sum / 1_000 : undefined;
}

function ticksUs(pid: number): number {
  const fields = readStat(pid);
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** The fields after the program's name, which may hold anything. */
function readStat(pid: number): string[] | undefined {
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ');
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
