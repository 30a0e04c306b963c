/** The forms in which events are streamed over HTTP, made once for all who listen to a job here in that form. */
import type { StoredBatch } from '@cc-executor/job-log';
import {
  eventTexts,
  isTerminalEvent,
  type JobEvent,
  type StreamNotice,
  type StreamNoticeName,
} from '@cc-executor/protocol';
import { type Batch, createTextBatch } from '../batch.ts';
import { oncePerBatch } from '../once-per-batch.ts';

export type StreamFormat = {
  mediaType: string;
  /** Goes out before anything else. */
  opening: string;
  /** `isEnd`: nothing follows these events. */
  events(batch: StoredBatch): { batch: Batch; isEnd: boolean };
  notice<N extends StreamNoticeName>(name: N, params: StreamNotice<N>): string;
};

/** How soon a browser comes back by itself when a stream breaks. */
const RECONNECT_MS = 1_000;

/** The forms, the preferred one first. */
export function createStreamFormats(): readonly StreamFormat[] {
  return [
    {
      mediaType: 'text/event-stream',
      opening: `retry: ${RECONNECT_MS}\n\n`,
      events: framesOf((event, seq) => `id: ${seq}\ndata: ${event}\n\n`),
      notice(name, params) {
        const json = JSON.stringify(params);
        if (name === 'snapshot') return snapshotMessage(params as StreamNotice<'snapshot'>, json);
        return name === 'heartbeat' ? `: heartbeat ${json}\n\n` : `event: ${name}\ndata: ${json}\n\n`;
      },
    },
    {
      mediaType: 'application/x-ndjson',
      opening: '',
      events: framesOf((event) => `${event}\n`),
      notice: (name, params) => `${JSON.stringify({ type: name, ...params })}\n`,
    },
  ];
}

/** The last page is a position: a browser that comes back by itself has the snapshot, and goes on after it. */
function snapshotMessage({ seq, state }: StreamNotice<'snapshot'>, json: string): string {
  return `event: snapshot\n${state ? `id: ${seq}\n` : ''}data: ${json}\n\n`;
}

function framesOf(frameOf: (event: string, seq: number) => string): StreamFormat['events'] {
  return oncePerBatch((stored) => {
    const texts = eventTexts(stored);
    const batch = createTextBatch(texts.map((event, i) => frameOf(event, stored.firstSeq + i)));
    return { batch, isEnd: isTerminalEvent(JSON.parse(texts.at(-1) ?? '') as JobEvent) };
  });
}
