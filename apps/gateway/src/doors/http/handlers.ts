/** What each operation of the HTTP door does: asks for an operation of the gateway, and writes its answer. */
import { type HttpInput, type HttpOperationName, openApiDocument, type Params } from '@cc-executor/protocol';
import type { Session } from '../../operations/session.ts';
import type { HttpContext } from './context.ts';
import { streamEvents } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import { createFileHandlers } from './files.ts';
import { digestHeader } from './headers.ts';
import { PAGE_POLICY } from './page.ts';
import { referencePage } from './reference-page.ts';
import { sdkPage } from './sdk-page.ts';
import { createSocketTurns } from './socket-turns.ts';
import { createStreamFormats } from './stream-formats.ts';
import { submitJob } from './submit.ts';
import { submitBatch } from './submit-batch.ts';

import { sendTicket } from './ticket.ts';

const RESULTS_AT_ONCE = 100;
/** How long the secret of now signs webhooks beside a new one, in ms. */
const OVERLAP_MS = 24 * 60 * 60_000;

export type Handlers = {
  readonly [N in HttpOperationName]: (exchange: Exchange, input: HttpInput<N>) => Promise<void>;
};

export function createHandlers(context: HttpContext): Handlers {
  const { requests } = context;
  const formats = createStreamFormats();
  const lineTurns = createSocketTurns(context.turns);
  // Made when somebody asks: few do.
  let openApi: object | undefined;
  const document = () => {
    openApi ??= openApiDocument();
    return openApi;
  };

  function answerOf(method: 'get' | 'cancel' | 'pause' | 'resume' | 'verify' | 'redeliver') {
    return async (exchange: Exchange, { jobId }: { jobId: string }) => {
      const { result } = await requests.perform(exchange.session, { method, params: { jobId } });
      exchange.answerJson(200, result);
    };
  }

  return {
    submitJob: (exchange, { body, wait, 'idempotency-key': idempotencyKey, traceparent }) => {
      const params = { ...given({ traceparent }), ...body, attach: false, ...given({ idempotencyKey }) };
      return submitJob(exchange, { method: 'execute', params }, wait, context);
    },
    rerunJob: (exchange, { jobId, wait, 'idempotency-key': idempotencyKey, traceparent }) => {
      const params = { jobId, attach: false, ...given({ idempotencyKey, traceparent }) };
      return submitJob(exchange, { method: 'rerun', params }, wait, context);
    },
    async listJobs(exchange, { body: _none, ...query }) {
      const params: Params<'list'> = query;
      const { result } = await requests.perform(exchange.session, { method: 'list', params });
      exchange.answerJson(200, result);
    },
    async countJobs(exchange, { body: _none, ...params }) {
      const { result } = await requests.perform(exchange.session, { method: 'count', params });
      exchange.answerJson(200, result);
    },
    async getConversation(exchange, { body: _none, ...params }) {
      const { result } = await requests.perform(exchange.session, { method: 'list', params });
      exchange.answerJson(200, result);
    },
    getJob: answerOf('get'),
    streamEvents: (exchange, input) => streamEvents(exchange, input, context, formats),
    readEventBody: (exchange, { jobId, seq }) => sendEventBody(exchange, { jobId, seq }, context),
    async cancelJobs(exchange, { body: params }) {
      const { result } = await requests.perform(exchange.session, { method: 'cancelMany', params });
      exchange.answerJson(200, result);
    },
    cancelJob: answerOf('cancel'),
    pauseJob: answerOf('pause'),
    resumeJob: answerOf('resume'),
    verifyJob: answerOf('verify'),
    redeliverWebhook: answerOf('redeliver'),
    submitBatch: (exchange, { 'idempotency-key': key, traceparent }) =>
      requests.attempt(exchange.session, 'submitBatch', () =>
        submitBatch(exchange, { key, ...given({ traceparent }) }, context, lineTurns),
      ),
    async getBatch(exchange, { batchId }) {
      const { result } = await requests.perform(exchange.session, {
        method: 'getBatch',
        params: { batchId },
      });
      exchange.answerJson(200, result);
    },
    batchResults: (exchange, { batchId, afterLine = 0 }) =>
      sendBatchResults(exchange, { batchId, afterLine }, context),
    async cancelBatch(exchange, { batchId }) {
      const params = { batchId };
      const { result } = await requests.perform(exchange.session, { method: 'cancelBatch', params });
      exchange.answerJson(200, result);
    },
    ...createFileHandlers(context),
    async getMe(exchange) {
      const { result } = await requests.perform(exchange.session, { method: 'me', params: {} });
      exchange.answerJson(200, result);
    },
    async getOverview(exchange, { body: _none, ...params }) {
      const { result } = await requests.perform(exchange.session, { method: 'overview', params });
      exchange.answerJson(200, result);
    },
    webhookSecrets: async (exchange) => {
      const show = ({ tenant }: Session) => context.webhookSecrets.shown(tenant);
      exchange.answerJson(200, { secrets: await requests.attempt(exchange.session, 'webhookSecrets', show) });
    },
    async rotateWebhookSecret(exchange, { body: { overlapMs = OVERLAP_MS } = {} }) {
      const redraw = ({ tenant }: Session) => context.webhookSecrets.redraw(tenant, overlapMs);
      const secrets = await requests.attempt(exchange.session, 'rotateWebhookSecret', redraw);
      exchange.answerJson(200, { secrets });
    },
    createTicket: (exchange, { body = {} }) => sendTicket(exchange, body, context),
    async getOpenApi(exchange) {
      exchange.answerJson(200, document());
    },
    getDocs: async (exchange) => sendPage(exchange, referencePage(document())),
    getSdkDocs: async (exchange) => sendPage(exchange, sdkPage()),
  };
}

function sendPage(exchange: Exchange, html: string): void {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY };
  exchange.answer(200, headers, html);
}

/** Of these texts those that were sent. */
function given<K extends string>(texts: { [name in K]: string | undefined }): { [name in K]?: string } {
  const sent = Object.entries(texts).filter(([, text]) => text !== undefined);
  return Object.fromEntries(sent) as { [name in K]?: string };
}

/** The whole of it, a page at a time, each when the client has taken what went before. */
async function sendEventBody(
  exchange: Exchange,
  at: { jobId: string; seq: number },
  { requests }: HttpContext,
): Promise<void> {
  const { session, outbox, request } = exchange;
  const read = async (offset: number) => {
    const { result } = await requests.perform(session, { method: 'eventBody', params: { ...at, offset } });
    return result;
  };
  let page = await read(0);
  exchange.begin(200, {
    'content-type': 'application/json',
    'content-length': String(page.bytes),
    'repr-digest': digestHeader(page.sha256),
  });
  while (request.method !== 'HEAD' && exchange.isOpen()) {
    outbox.send(page.text);
    if (page.nextOffset === undefined) break;
    page = await read(page.nextOffset);
  }
  exchange.end();
}

/** A line for each, a page at a time, as above. */
async function sendBatchResults(
  exchange: Exchange,
  from: { batchId: string; afterLine: number },
  { requests }: HttpContext,
): Promise<void> {
  const { session, outbox, request } = exchange;
  const read = async (afterLine: number) => {
    const params = { batchId: from.batchId, afterLine, limit: RESULTS_AT_ONCE };
    const { result } = await requests.perform(session, { method: 'batchResults', params });
    return result;
  };
  let page = await read(from.afterLine);
  exchange.begin(200, { 'content-type': 'application/x-ndjson', 'x-accel-buffering': 'no' });
  while (request.method !== 'HEAD' && exchange.isOpen()) {
    if (page.results.length > 0)
      outbox.send(page.results.map((result) => `${JSON.stringify(result)}\n`).join(''));
    if (page.afterLine === undefined) break;
    page = await read(page.afterLine);
  }
  exchange.end();
}
