/**
 * A client of the HTTP door that tells the recorder everything it is told: it submits by POST, and each job that it listens
 * to is a stream of its own, with events as the very text that came.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  type ExecuteParams,
  isTerminalEvent,
  type JobEvent,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { HistoryRecorder, Message } from '@cc-executor/testing';
import type { ListeningClient } from './recording-client.ts';

export type StreamingClient = ListeningClient & {
  /** Stops and goes on taking what is sent, on all streams. */
  pause(): void;
  resume(): void;
};

type Stream = { response: IncomingMessage; isClosed: boolean };
let count = 0;

/** @param api the address of a gateway, up to `/v1` */
export function openStreamingClient(
  api: string,
  gateway: string,
  recorder: HistoryRecorder,
): StreamingClient {
  const streams = new Map<string, Stream>();
  const events = new Map<string, JobEvent[]>();
  const messages: Message[] = [];
  const requests = new Set<ClientRequest>();
  const waiting = new Set<() => void>();
  count += 1;
  const client = `http-client-${count}`;

  const tell = () => {
    for (const look of waiting) look();
  };

  function ask(method: string, path: string, headers: Record<string, string>, body?: string) {
    return new Promise<IncomingMessage>((resolve, reject) => {
      // A connection for each: faults are counted in connections.
      const asked = request(`${api}${path}`, { method, headers, agent: false });
      requests.add(asked);
      asked.once('close', () => requests.delete(asked));
      asked.once('error', reject);
      asked.once('response', resolve);
      asked.end(body);
    });
  }

  function untilFound<T>(find: () => T | undefined, isOver: () => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === undefined && !isOver()) return;
        waiting.delete(look);
        if (found === undefined) reject(new Error('the stream ended before'));
        else resolve(found);
      };
      waiting.add(look);
      look();
    });
  }

  async function attach(jobId: string, afterSeq = 0): Promise<void> {
    const response = await ask('GET', `/jobs/${jobId}/events`, { 'last-event-id': String(afterSeq) });
    if (response.statusCode !== 200) throw new Error(`no stream: ${await text(response)}`);
    const attachment = recorder.attached({ jobId, client, gateway, afterSeq });
    const stream: Stream = { response, isClosed: false };
    streams.set(jobId, stream);
    let unread = '';
    response.setEncoding('utf8').on('data', (piece: string) => {
      const blocks = (unread + piece).split('\n\n');
      unread = blocks.pop() ?? '';
      for (const block of blocks) take(block);
      tell();
    });
    // 'close' follows.
    response.on('error', () => undefined);
    response.once('close', () => {
      stream.isClosed = true;
      attachment.end('disconnected');
      tell();
    });

    function take(block: string): void {
      const lost = /^event: job_lost\ndata: (.*)$/.exec(block);
      if (lost) attachment.end('job_lost', lost[1]);
      const [, seq, json] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
      if (json === undefined) return;
      attachment.event(json);
      const event = JSON.parse(json) as JobEvent;
      if (event.seq !== Number(seq)) throw new Error(`event ${event.seq} came as ${seq}`);
      events.set(jobId, [...(events.get(jobId) ?? []), event]);
      messages.push({ method: 'event', params: event });
      if (isTerminalEvent(event)) attachment.end('terminal');
    }
  }

  return {
    wire: {
      events: (jobId) => events.get(jobId) ?? [],
      until: (fits) =>
        untilFound(
          () => messages.find(fits),
          () => [...streams.values()].every(({ isClosed }) => isClosed),
        ),
    },
    async execute({ idempotencyKey, ...params }: ExecuteParams) {
      const headers = {
        'content-type': 'application/json',
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      };
      const response = await ask('POST', '/jobs', headers, JSON.stringify(params));
      const answer = JSON.parse(await text(response));
      if (response.statusCode !== 200 && response.statusCode !== 201) throw new Error(answer.detail);
      const { jobId, epoch, created } = answer;
      const key = idempotencyKey === undefined ? {} : { idempotencyKey };
      recorder.acknowledged({ jobId, epoch, created, gateway, retry: params.retry ?? 'safe', ...key });
      await attach(jobId);
      return jobId;
    },
    attach,
    async terminal(jobId) {
      const isEnd = (event: JobEvent): event is TerminalEvent => isTerminalEvent(event);
      return untilFound(
        () => events.get(jobId)?.find(isEnd),
        () => streams.get(jobId)?.isClosed ?? true,
      );
    },
    pause() {
      for (const { response } of streams.values()) response.pause();
    },
    resume() {
      for (const { response } of streams.values()) response.resume();
    },
    close() {
      for (const asked of requests) asked.destroy();
    },
  };
}
