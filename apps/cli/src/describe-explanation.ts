/** The story of a job in readable lines. */
import type { ListenerNote, TerminalEvent } from '@cc-executor/protocol';
import { isTerminal, isTerminalEvent } from '@cc-executor/protocol/plain';
import type { Moment } from '@cc-executor/timeline';
import type { Colors } from './colors.ts';
import { describeJob } from './describe-job.ts';
import type { Explanation } from './explain-job.ts';
import { formatClock, formatCost, formatDuration, oneLine } from './format.ts';

const MAX_DETAIL = 100;
const SIGNS = {
  ...{ queued: '●', started: '▶', first_output: '…', tool: '⚒', notice: '⚠', waiting: '⏸' },
  ...{ reset: '↺', paused: '⏸', ended: '■' },
} as const satisfies Record<Moment['kind'], string>;

export function describeExplanation(explanation: Explanation, colors: Colors): string {
  const { timeline, moreTools, createdAt, terminal } = explanation;
  const end = terminal && isTerminalEvent(terminal) ? terminal : undefined;
  const sections = [
    ['What happened', timeline.map((moment) => describeMoment(moment, createdAt, colors))],
    ['', moreTools > 0 ? [`  and ${moreTools} more uses of tools`] : []],
    ['What it took', end ? describeCosts(end) : []],
    ['Who listened', describeListeners(explanation)],
  ] as const;
  const texts = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title && `\n${colors.bold(title)}\n`}${lines.join('\n')}\n`);
  return describeJob(explanation, colors) + texts.join('');
}

function describeMoment(moment: Moment, createdAt: number, colors: Colors): string {
  const { at, kind, title, detail = '', durationMs, isBad, parent } = moment;
  const when = `+${formatDuration(Math.max(0, at - createdAt))}`.padStart(13);
  const took = durationMs === undefined ? '' : colors.dim(`  ${formatDuration(durationMs)}`);
  const words = oneLine(title, MAX_DETAIL);
  const line = `${parent === undefined ? '' : '  '}${SIGNS[kind]} ${isBad ? colors.yellow(words) : words}`;
  return `${colors.dim(when)}  ${line}${detail && `  ${oneLine(detail, MAX_DETAIL)}`}${took}`;
}

function describeCosts({ timings = {}, models = {}, costUsd, attempts = [] }: TerminalEvent): string[] {
  const times = [
    ['in the queue', timings.queueMs],
    ['to start', timings.startMs],
    ['to the first output', timings.firstOutputMs],
    ['in the model', timings.modelMs],
  ] as const;
  const known = times.flatMap(([what, ms]) => (ms === undefined ? [] : [`${formatDuration(ms)} ${what}`]));
  const perModel = Object.entries(models).map(([model, used]) => {
    const input = used.inputTokens + used.cacheReadTokens + used.cacheCreationTokens;
    return `  ${oneLine(model, MAX_DETAIL)}: ${formatCost(used.costUsd)}, ${input} tokens in, ${used.outputTokens} out`;
  });
  const perAttempt = attempts.map(({ outcome, costUsd: cost }, index) => {
    return `  attempt ${index + 1}: ${oneLine(outcome, MAX_DETAIL)}, ${cost === undefined ? 'cost unknown' : formatCost(cost)}`;
  });
  return [
    ...(known.length > 0 ? [`  ${known.join(', ')}`] : []),
    ...(costUsd === undefined ? [] : [`  ${formatCost(costUsd)} in all`]),
    ...perModel,
    ...perAttempt,
  ];
}

const STATES: Record<ListenerNote['state'], string> = {
  listening: 'listens',
  ended: 'was handed the end',
  left: 'left',
  lost: 'lost the log',
};

function describeListeners({ listeners = [], moreListeners = 0, status }: Explanation): string[] {
  const waiting = listeners.filter(({ watches }) => !watches);
  const lines = waiting.map(({ door, since, until, afterSeq, lastSeq, state }) => {
    const events =
      lastSeq > afterSeq ? `events ${afterSeq + 1}–${lastSeq}` : `nothing after event ${afterSeq}`;
    const when = until === undefined ? '' : ` at ${formatClock(until)}`;
    return `  ${oneLine(door, MAX_DETAIL)} from ${formatClock(since)}: ${events}, ${STATES[state]}${when}`;
  });
  if (moreListeners > 0) lines.push(`  and ${moreListeners} more`);
  const lookedOn = listeners.length - waiting.length;
  if (lookedOn > 0) lines.push(`  ${lookedOn} more only looked on`);
  const isHanded = waiting.some(({ state }) => state === 'ended');
  if (isTerminal(status) && !isHanded) lines.push('  Nobody is known to have been handed the end.');
  return lines;
}
