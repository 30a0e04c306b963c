/** How all of it is, in readable lines: what waits and runs, how it ended, how long it took, what it cost, who is there. */
import type { Result } from '@cc-executor/protocol';
import type { Colors } from './colors.ts';
import { formatClock, formatCost, formatCount, formatDuration, formatTime, oneLine } from './format.ts';

type Overview = Result<'overview'>;

const MAX_WORDS = 100;
const LATENCIES = {
  queue: 'in the queue',
  start: 'to start',
  firstOutput: 'to the first output',
  duration: 'in all',
} as const;

export function describeOverview(overview: Overview, colors: Colors): string {
  const { steps, stepMs } = overview;
  const sections: [string, string[]][] = [
    ['Now', [describeQueue(overview), ...describeLimits(overview)]],
    [`Ended in the last ${formatDuration(steps.length * stepMs)}`, describeEnded(overview)],
    ['How long it took (half, 95 %, 99 % of jobs at most)', describeLatencies(overview)],
    ['What it cost', overview.days.map(describeDay)],
    ['Services', overview.services.map((service) => describeService(service, colors))],
    ['Redis', [describeRedis(overview, colors)]],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${colors.bold(title)}\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('\n');
}

function describeQueue({ queue }: Overview): string {
  const { waiting, active, delayed, oldestWaitingMs } = queue;
  const oldest = waiting > 0 ? `, the first for ${formatDuration(oldestWaitingMs)}` : '';
  return `${active} running, ${waiting} waiting${oldest}${delayed > 0 ? `, ${delayed} for later` : ''}`;
}

function describeLimits({ usageLimits }: Overview): string[] {
  return usageLimits.map(({ resetsAt, limit, model }) => {
    const of = [limit, model].filter((part) => part !== undefined).join(', ');
    return `a usage limit${of && ` (${oneLine(of, MAX_WORDS)})`} holds until ${formatTime(resetsAt)}`;
  });
}

function describeEnded({ ended }: Overview): string[] {
  if (ended.length === 0) return ['no job'];
  return ended.map(({ status, reason, jobs }) => {
    return `${jobs} ${status}${reason === undefined ? '' : `: ${oneLine(reason, MAX_WORDS)}`}`;
  });
}

function describeLatencies({ latencies }: Overview): string[] {
  return Object.entries(LATENCIES).flatMap(([name, words]) => {
    const found = latencies[name as keyof typeof LATENCIES];
    if (found === undefined) return [];
    const times = [found.p50Ms, found.p95Ms, found.p99Ms].map(formatDuration).join(', ');
    return [`${words.padEnd(21)}${times}`];
  });
}

function describeDay({ date, jobs, costUsd, tokens }: Overview['days'][number]): string {
  return `${date}  ${formatCost(costUsd)}  ${jobs} jobs, ${formatCount(tokens)} tokens`;
}

function describeService(service: Overview['services'][number], colors: Colors): string {
  const { role, host, version, status, at, load, connections, troubles } = service;
  const facts = [
    ...(load === undefined ? [] : [`${load.running} of ${load.limit} running`]),
    ...(connections === undefined ? [] : [`${connections} connections`]),
    ...(status === 'silent' ? [`last heard at ${formatClock(at)}`] : []),
    ...troubles,
  ];
  const colored = status === 'ok' ? colors.green(status) : colors.red(status);
  const words = oneLine([version, ...facts].join(', '), MAX_WORDS);
  return `${colored}  ${role}  ${oneLine(host, MAX_WORDS)}  ${words}`;
}

function describeRedis({ redis }: Overview, colors: Colors): string {
  const { version, latencyMs, memory, durability, faults } = redis;
  const used =
    memory &&
    `${mebibytes(memory.usedBytes)}${memory.maxBytes > 0 ? ` of ${mebibytes(memory.maxBytes)}` : ''}`;
  const facts = [version, latencyMs === undefined ? undefined : formatDuration(latencyMs), used].filter(
    (fact) => fact !== undefined,
  );
  const kept =
    durability === 'kept'
      ? 'keeps what it says'
      : `${durability}: ${faults.join('; ') || 'nothing is known'}`;
  return `${facts.join(', ')}  ${durability === 'kept' ? kept : colors.yellow(oneLine(kept, MAX_WORDS))}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}
