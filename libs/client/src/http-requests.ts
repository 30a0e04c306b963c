/** Requests as the HTTP door takes them (docs/http.md): where each goes, and how its answer is read. */

import { decodeBase64, toHex } from './bytes.ts';
import { asRecord } from './errors.ts';
import type { Method, Params } from './requests.ts';

type Route = {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
  /** The idempotency key. */
  key?: string | undefined;
  traceparent?: string | undefined;
};

/** Answers with a JSON object that is the result. What else there is, a stream or a whole text, is read apart. */
type Plain = Exclude<Method, 'attach' | 'detach' | 'eventBody' | 'batchResults' | 'readFile'>;

const ROUTES: { [M in Plain]: (params: Params<M>) => Route } = {
  execute: ({ idempotencyKey: key, attach: _, batches: __, ...body }) => ({ ...post('/jobs', body), key }),
  rerun: ({ jobId, idempotencyKey: key, traceparent }) => ({
    ...post(`/jobs/${jobId}/rerun`),
    key,
    traceparent,
  }),
  cancel: ofJob('cancel'),
  pause: ofJob('pause'),
  resume: ofJob('resume'),
  cancelMany: (params) => post('/jobs/cancel', params),
  get: ({ jobId }) => get(`/jobs/${jobId}`),
  list: (params) => get(`/jobs?${new URLSearchParams(textsOf(params))}`),
  count: (params) => get(`/jobs/count?${new URLSearchParams(textsOf(params))}`),
  verify: ofJob('verify'),
  me: () => get('/me'),
  overview: (params) => get(`/overview?${new URLSearchParams(textsOf(params))}`),
  getBatch: ({ batchId }) => get(`/batches/${batchId}`),
  redeliver: ofJob('redeliver'),
  listFiles: ({ workspace, ...query }) =>
    get(`/workspaces/${workspace}/files?${new URLSearchParams(textsOf(query))}`),
  cancelBatch: ({ batchId }) => post(`/batches/${batchId}/cancel`),
};

/** An answer that is an error of the gateway's, in the form of JSON-RPC's `error` member. */
export class HttpProblem extends Error {
  readonly member: { message: unknown; data: unknown };

  constructor(problem: Record<string, unknown>) {
    super(String(problem.detail));
    this.member = { message: problem.detail, data: problem };
  }
}

export type HttpDoor = {
  /** Asks, and reads the answer. Errors: `HttpProblem`; any other: no gateway answered. */
  ask(method: Method, params: Record<string, unknown>): Promise<unknown>;
  /** A stream of events; undefined when none will come. */
  openEvents(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined>;
  /** Whether a gateway is there. */
  knock(): Promise<void>;
};

export type HttpDoorOptions = {
  /** Ends in `/v1`. */
  base: string;
  fetch: typeof fetch;
  signal: AbortSignal;
};

export function createHttpDoor({ base, fetch, signal }: HttpDoorOptions): HttpDoor {
  async function send(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(base + path, { signal, cache: 'no-store', ...init });
    if (response.ok) return response;
    const type = response.headers.get('content-type') ?? '';
    if (type.startsWith('application/problem+json')) throw new HttpProblem(asRecord(await response.json()));
    const reason = `HTTP ${response.status}`;
    // Not the gateway's words, but those of something before it.
    if (response.status < 500) throw new HttpProblem({ detail: reason });
    throw new Error(reason);
  }

  async function askPlain(method: Plain, params: Record<string, unknown>): Promise<unknown> {
    const route = ROUTES[method] as (params: Record<string, unknown>) => Route;
    const { path, body, key, traceparent, method: verb } = route(params);
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (key !== undefined) headers['idempotency-key'] = key;
    if (traceparent !== undefined) headers.traceparent = traceparent;
    const response = await send(path, { method: verb, headers, body: JSON.stringify(body) });
    return response.json();
  }

  async function askBody({ jobId, seq }: Record<string, unknown>): Promise<unknown> {
    const response = await send(`/jobs/${jobId}/events/${seq}/body`, {});
    const text = await response.text();
    const base64 = /sha-256=:([^:]*):/.exec(response.headers.get('repr-digest') ?? '')?.[1] ?? '';
    const sha256 = toHex(decodeBase64(base64));
    return { text, offset: 0, bytes: new TextEncoder().encode(text).length, sha256 };
  }

  async function askResults({ batchId, afterLine = 0 }: Record<string, unknown>): Promise<unknown> {
    const response = await send(`/batches/${batchId}/results`, {});
    const lines = (await response.text()).split('\n').filter((line) => line !== '');
    const results = lines.map((line) => JSON.parse(line) as { line: number });
    return { results: results.filter(({ line }) => line > (afterLine as number)) };
  }

  async function askFile({ workspace, path }: Record<string, unknown>): Promise<unknown> {
    const names = String(path).split('/').map(encodeURIComponent).join('/');
    const response = await send(`/workspaces/${workspace}/files/${names}`, {});
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    const etag = (response.headers.get('etag') ?? '').replaceAll('"', '');
    return { bytes: bytes.length, etag, offset: 0, base64: btoa(text) };
  }

  return {
    async ask(method, params) {
      if (method === 'eventBody') return askBody(params);
      if (method === 'batchResults') return askResults(params);
      if (method === 'readFile') return askFile(params);
      return askPlain(method as Plain, params);
    },
    async openEvents(path, streamSignal) {
      const headers = { accept: 'application/x-ndjson' };
      const response = await send(path, { headers, signal: streamSignal });
      return response.status === 204 ? undefined : (response.body ?? undefined);
    },
    async knock() {
      await send('/openapi.json', { method: 'HEAD' });
    },
  };
}

function ofJob(word: string) {
  return ({ jobId }: Params<'get'>) => post(`/jobs/${jobId}/${word}`);
}

function get(path: string): Route {
  return { method: 'GET', path };
}

function post(path: string, body?: unknown): Route {
  return { method: 'POST', path, body };
}

function textsOf(params: Record<string, unknown>): Record<string, string> {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
