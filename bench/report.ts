/** What is printed, and what is written as JSON. */
import type { AnyCase, CaseReport } from './case.ts';
import type { JudgedGoal } from './goals.ts';
import type { Machine } from './measure/machine.ts';
import { figure, formatTable } from './table.ts';

export type Finished = Pick<AnyCase, 'name' | 'title'> & CaseReport & { readonly seconds: number };

export type Report = {
  readonly at: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly isSmoke: boolean;
  readonly cases: readonly Finished[];
  /** What makes figures doubtful. */
  readonly warnings: readonly string[];
  /** What broke. */
  readonly faults: readonly string[];
};

/** More of a busy machine than this shows in the figures. */
const BUSY_CORES = 0.3;

export function formatMachine(machine: Machine): string[] {
  const { cores, cpu, memoryGb, system, node, redis, persistence, commit, busyCores } = machine;
  const lines = [
    `${cores} cores (${cpu}), ${memoryGb} GB, ${system}; Node ${node}; Redis ${redis} (${persistence})`,
    `commit ${commit}`,
  ];
  if (busyCores > BUSY_CORES) {
    lines.push(`WARNING: others use ${figure(busyCores, 1)} cores of this machine: the figures are doubtful`);
  }
  if (redis === 'embedded') lines.push('WARNING: this is no real Redis: the figures mean nothing');
  return lines;
}

export function formatCase({ name, title, tables, goals, seconds }: Finished): string[] {
  const body = [...tables.flatMap(formatTable), ...goals.map(formatGoal)];
  return ['', `${name}  ${title} (${figure(seconds)} s)`, ...body.map((line) => `  ${line}`)];
}

/** All goals once more, what makes them doubtful, and how many are met. */
export function formatEnd({ cases, warnings, faults, isSmoke }: Report): string[] {
  const goals = cases.flatMap(({ goals }) => goals);
  const count = (verdict: JudgedGoal['verdict']) => goals.filter((goal) => goal.verdict === verdict).length;
  return [
    ...(cases.length > 1
      ? ['', ...cases.flatMap(({ name, goals }) => goals.map((goal) => `${name}  ${formatGoal(goal)}`))]
      : []),
    '',
    ...(isSmoke ? ['WARNING: this was a smoke run: the figures mean nothing'] : []),
    ...warnings.map((text) => `WARNING: ${text}`),
    ...faults.map((text) => `BROKEN: ${text}`),
    `goals: ${count('met')} met, ${count('not met')} not met, ${count('not measured')} not measured`,
  ];
}

function formatGoal({ what, unit, bound, value, reason, verdict }: JudgedGoal): string {
  const got = value === undefined ? reason : `${figure(value, Math.abs(value) < 100 ? 2 : 0)} ${unit}`;
  return `${verdict.toUpperCase().padEnd(12)}  ${what}: ${got} (${bound} ${unit})`;
}
