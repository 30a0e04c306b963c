/**
 * The events of one job over HTTP, as lines of JSON, in the frames that a WebSocket would bring. A stream that is silent
 * for longer than its heartbeats is dead, whatever the operating system thinks.
 */
import { isTerminalEvent, type JobEvent, noticeShapes } from '@cc-executor/protocol/plain';
import { asRecord } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { findFault, isEvent } from './shape-check.ts';

/** Three heartbeats of a gateway that is set as usual; one that beats less often is come back to more often. */
const SILENCE_MS = 30_000;

export type StreamEnd = 'terminal' | 'over' | 'silent';

/**
 * Reads until the end of the stream. Errors: those of the stream.
 * @param onFrame `size` is that of the line, in UTF-16 units
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  jobId: string,
  onFrame: (frame: ServerFrame, size: number) => void,
): Promise<StreamEnd> {
  const reader = stream
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isSilent = false;
  let rest = '';
  try {
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isSilent = true;
        reader.cancel().catch(() => {});
      }, SILENCE_MS);
      const { done, value } = await reader.read();
      if (done) return isSilent ? 'silent' : 'over';
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const frame = readLine(line, jobId);
        onFrame(frame, line.length);
        if (frame.kind === 'events' && frame.events.some(isTerminalEvent)) return 'terminal';
      }
    }
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}

function readLine(line: string, jobId: string): ServerFrame {
  let value: Record<string, unknown>;
  try {
    value = asRecord(JSON.parse(line));
  } catch {
    return { kind: 'violation', message: 'The gateway sent a line that is not JSON.' };
  }
  const { type, lastSeq: seq, status } = value;
  if (isNotice(type)) {
    const jobs = seq === undefined ? [] : [{ jobId, seq, status }];
    const params = type === 'heartbeat' ? { jobs } : { ...value, jobId };
    const fault = findFault(noticeShapes[type], params);
    if (fault === undefined) return { kind: type, params } as ServerFrame;
  } else if (isEvent(value)) {
    return { kind: 'events', events: [value as JobEvent] };
  } else if (value.seq === undefined) {
    return { kind: 'unknown' };
  }
  return { kind: 'violation', message: `The gateway sent a '${type}' that does not fit its schema.` };
}

function isNotice(type: unknown): type is Exclude<keyof typeof noticeShapes, 'connected'> {
  return Object.hasOwn(noticeShapes, type as string);
}
