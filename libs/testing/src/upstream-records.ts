/** Turns what a scripted upstream kept of its calls into a history's facts. */
import type { UpstreamCallRecord, UpstreamEnding } from './history.ts';
import type { UpstreamCall } from './scripted-upstream.ts';

type Line = { type?: string; status?: string; is_error?: boolean; subtype?: string; event?: StreamEvent };
type StreamEvent = { type?: string; delta?: { type?: string; text?: string } };

/** Lines that tell of no work yet. */
const SILENT = new Set(['start', 'ping', 'system']);

/**
 * The calls that carried an execution id of ours (job id, attempt, call); others are left out. The text is that of the
 * text deltas: a script in which Claude takes text back needs its own record.
 */
export function recordCalls(calls: readonly UpstreamCall[]): UpstreamCallRecord[] {
  return calls.flatMap((call) => {
    const [, jobId, attempt] =
      /^(job_[0-9a-f]{32})-(\d+)(?:-\d+)?$/.exec(String(call.body.executionId)) ?? [];
    if (jobId === undefined) return [];
    const lines = call.sent.map(({ at, line }) => ({ at, said: readLine(line) }));
    const first = lines.find(({ said }) => said?.type !== undefined && !SILENT.has(said.type));
    const endedBy = endingOf(call, lines);
    return {
      ...{ jobId, attempt: Number(attempt), startedAt: call.startedAt },
      ...(first === undefined ? {} : { firstByteAt: first.at }),
      ...(call.closedAt === undefined || endedBy === undefined ? {} : { endedAt: call.closedAt, endedBy }),
      text: lines.map(({ said }) => textOf(said?.event)).join(''),
    };
  });
}

function endingOf(call: UpstreamCall, lines: { said: Line | undefined }[]): UpstreamEnding | undefined {
  if (call.status !== undefined && [429, 503, 529].includes(call.status)) return 'refused';
  const complete = lines.find(({ said }) => said?.type === 'complete')?.said;
  const result = lines.findLast(({ said }) => said?.type === 'result')?.said;
  if (complete || result) {
    const succeeded = complete ? complete.status === 'success' : result?.subtype === 'success';
    return succeeded && result?.is_error !== true ? 'complete' : 'failed';
  }
  if (call.closedBy === 'caller') return 'client-abort';
  return call.closedBy === 'upstream' ? 'no-evidence' : undefined;
}

function textOf(event: StreamEvent | undefined): string {
  if (event?.type !== 'content_block_delta' || event.delta?.type !== 'text_delta') return '';
  return event.delta.text ?? '';
}

function readLine(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    // Scripts send garbage on purpose.
    return undefined;
  }
}
