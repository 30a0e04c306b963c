/** The findings for people: one line each, aligned, with what to do below the bad ones. */
import type { Colors } from '../colors.ts';
import { oneLine } from '../format.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { Finding, Level } from './finding.ts';

const LABELS: Record<Level, string> = { ok: 'ok', warn: 'warn', fail: 'FAIL', skip: '–' };
const MAX_SUBJECT = 40;
const MAX_MESSAGE = 1_000;

export function renderDiagnosis({ version, host, place, findings }: Diagnosis, colors: Colors): string {
  const width = Math.min(MAX_SUBJECT, Math.max(...findings.map(({ subject }) => subject.length)));
  return [
    colors.dim(`cc-executor ${version} doctor on ${oneLine(host, MAX_SUBJECT)}, as a ${place}`),
    '',
    ...findings.flatMap((finding) => renderFinding(finding, width, colors)),
    '',
    summarise(findings, colors),
    '',
  ].join('\n');
}

function renderFinding(
  { level, subject, message, latencyMs, advice }: Finding,
  width: number,
  colors: Colors,
) {
  const label = paint(level, LABELS[level].padEnd(4), colors);
  const latency = latencyMs === undefined ? '' : colors.dim(`  ${latencyMs} ms`);
  // Messages hold foreign text.
  const line = `${label}  ${oneLine(subject, 200).padEnd(width)}  ${oneLine(message, MAX_MESSAGE)}${latency}`;
  if (advice === undefined || level === 'ok' || level === 'skip') return [line];
  return [line, `${' '.repeat(6)}${colors.dim(`↳ ${advice}`)}`];
}

function paint(level: Level, text: string, colors: Colors): string {
  if (level === 'fail') return colors.red(text);
  if (level === 'warn') return colors.yellow(text);
  return level === 'ok' ? colors.green(text) : colors.dim(text);
}

export function countLevels(findings: readonly Finding[]): Record<Level, number> {
  const counts = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const { level } of findings) counts[level] += 1;
  return counts;
}

function summarise(findings: readonly Finding[], colors: Colors): string {
  const { ok, warn, fail, skip } = countLevels(findings);
  const parts = [
    `${ok} ok`,
    ...(warn > 0 ? [`${warn} ${warn === 1 ? 'warning' : 'warnings'}`] : []),
    ...(skip > 0 ? [`${skip} not looked at`] : []),
    ...(fail > 0 ? [`${fail} FAILED`] : []),
  ];
  return paint(fail > 0 ? 'fail' : warn > 0 ? 'warn' : 'ok', parts.join(', '), colors);
}
