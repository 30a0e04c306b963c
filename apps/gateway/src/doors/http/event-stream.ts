/**
 * The events of one job as an answer that goes on until its terminal event. The client may come back at any position,
 * through any gateway: nothing here knows more than that.
 */
import { isTerminal, ProtocolError, type StreamNotice, type StreamNoticeName } from '@cc-executor/protocol';
import { preferredType } from './accept.ts';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { StreamFormat } from './stream-formats.ts';

export type StreamInput = {
  jobId: string;
  after?: number | undefined;
  from?: 'snapshot' | undefined;
  epoch?: string | undefined;
  watch?: boolean | undefined;
  'last-event-id'?: number | '' | undefined;
};

/** Errors: `not_acceptable`, `draining`, those of `attach`. */
export async function streamEvents(
  exchange: Exchange,
  input: StreamInput,
  { requests, metrics, isClosing }: HttpContext,
  formats: readonly StreamFormat[],
): Promise<void> {
  const { session, outbox, request } = exchange;
  const { jobId, epoch, watch } = input;
  const format = formatFor(request.headers.accept, formats);
  const headers = { 'content-type': format.mediaType, 'x-accel-buffering': 'no' };
  if (request.method === 'HEAD') {
    await requests.perform(session, { method: 'get', params: { jobId } });
    return exchange.answer(200, headers);
  }
  if (isClosing()) throw new ProtocolError('draining');
  // A browser that comes back by itself asks for the address that it was given, and says in the header how far it came.
  const { 'last-event-id': lastId, after = 0, from } = input;
  const afterSeq = typeof lastId === 'number' ? lastId : after;
  const start = from === undefined || typeof lastId === 'number' ? { afterSeq } : { from };
  const { result, begin } = await requests.perform(session, {
    method: 'attach',
    params: { jobId, ...start, ...(epoch !== undefined && { epoch }), ...(watch && { watch }) },
  });
  if (isTerminal(result.status) && afterSeq === result.lastSeq) return exchange.answer(204, {});

  function notify<N extends StreamNoticeName>(name: N, params: StreamNotice<N>): void {
    outbox.send(format.notice(name, params));
  }

  exchange.begin(200, headers);
  metrics.connections.inc({ door: 'http' });
  metrics.connectionsOpened.inc({ door: 'http' });
  void exchange.closed.then((reason) => {
    metrics.connections.dec({ door: 'http' });
    metrics.connectionsClosed.inc({ reason });
  });
  if (format.opening !== '') outbox.send(format.opening);
  exchange.listen({
    events(stored) {
      const { batch, isEnd } = format.events(stored);
      outbox.send(batch);
      if (isEnd) exchange.end();
    },
    snapshot: (page) => notify('snapshot', page),
    lost(lastSeq, reason) {
      notify('job_lost', { lastSeq, reason });
      exchange.end();
    },
    beat(positions) {
      const position = positions.get(jobId);
      notify('heartbeat', position ? { lastSeq: position.lastSeq, status: position.status } : {});
    },
    setDegraded: (reason) => (reason === undefined ? notify('restored', {}) : notify('degraded', { reason })),
    goAway(reconnectAfterMs) {
      notify('goaway', { reason: 'draining', reconnectAfterMs });
      exchange.end();
    },
  });
  begin?.();
}

function formatFor(accept: string | undefined, formats: readonly StreamFormat[]): StreamFormat {
  const types = formats.map(({ mediaType }) => mediaType);
  const wanted = preferredType(accept, types);
  const format = formats.find(({ mediaType }) => mediaType === wanted);
  if (!format) throw new ProtocolError('not_acceptable', `Events come as ${types.join(' or ')}.`);
  return format;
}
