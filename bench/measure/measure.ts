/** Runs one task against one system, and tells what it cost each process. */
import { setInterval } from 'node:timers';
import type { TaskName } from '../client/main.ts';
import type { System } from '../systems/system.ts';
import type { FiguresOf, LoadClient, OutcomeOf, PlanOf } from './load-client.ts';
import { cpuUs, machineUs, residentMb } from './proc.ts';

/** What the machine spent between a task's marks. */
export type Costs = {
  /** µs of CPU by process; empty where nobody can tell. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /** The most resident memory of each process, in MB. */
  readonly peakMb: Readonly<Record<string, number>>;
  /** Cores that programs which have nothing to do with it used meanwhile. */
  readonly othersCores?: number;
};

export type Measured<K extends TaskName> = { figures: FiguresOf<K>; faults: readonly string[] } & Costs;

/** Every task is told where the system is. */
export type Plan<K extends TaskName> = Omit<PlanOf<K>, 'targets'>;

/** These serve the measurement, and are not counted as the system's. */
export type Surroundings = { client: LoadClient; upstreamPid: number };

const LOOK_MS = 100;

export async function measure<K extends TaskName>(
  { client, upstreamPid }: Surroundings,
  system: System,
  task: K,
  plan: Plan<K>,
): Promise<Measured<K>> {
  const watch = watchProcesses({ ...system.processes, upstream: upstreamPid, client: client.pid });
  try {
    const outcome = (await client.run(task, { targets: system.targets, ...plan } as PlanOf<K>, (mark) =>
      watch[mark](),
    )) as OutcomeOf<TaskName>;
    return { ...(outcome as { figures: FiguresOf<K>; faults: string[] }), ...watch.costs() };
  } finally {
    watch.end();
  }
}

/** The CPU of the system itself, of all its processes. */
export function systemUs({ cpuUs: byProcess }: Costs): number {
  const own = Object.entries(byProcess).filter(([name]) => name !== 'client' && name !== 'upstream');
  return own.length === 0 ? Number.NaN : own.reduce((sum, [, us]) => sum + us, 0);
}

function watchProcesses(pids: Readonly<Record<string, number>>) {
  const peakMb: Record<string, number> = {};
  const read = () => ({ atMs: performance.now(), machineUs: machineUs(), cpuUs: readCpu(pids) });
  let [before, after] = [read(), read()];
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [name, pid] of Object.entries(pids)) {
      const mb = residentMb(pid);
      if (mb !== undefined) peakMb[name] = Math.max(peakMb[name] ?? 0, mb);
    }
  }

  return {
    start(): void {
      look();
      timer = setInterval(look, LOOK_MS);
      before = read();
    },
    end(): void {
      if (timer === undefined) return;
      after = read();
      clearInterval(timer);
      timer = undefined;
      look();
    },
    costs(): Costs {
      const spent: Record<string, number> = {};
      for (const name of Object.keys(pids)) {
        const us = (after.cpuUs[name] ?? Number.NaN) - (before.cpuUs[name] ?? Number.NaN);
        if (Number.isFinite(us)) spent[name] = us;
      }
      const own = Object.values(spent).reduce((sum, us) => sum + us, 0);
      const all = (after.machineUs ?? Number.NaN) - (before.machineUs ?? Number.NaN);
      const others = Math.max(0, all - own) / ((after.atMs - before.atMs) * 1_000);
      return { cpuUs: spent, peakMb, ...(Number.isFinite(others) ? { othersCores: others } : {}) };
    },
  };
}

function readCpu(pids: Readonly<Record<string, number>>): Record<string, number | undefined> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuUs(pid)]));
}
