/**
 * An upstream for fault tests: what it does is in the prompt, as data, and it records every call as a history wants it.
 * The text of a call holds the job's nonce and the number of each chunk, so that no other text can pass for it.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { UpstreamCallRecord, UpstreamEnding } from './history.ts';

/** How one call goes. `pause` waits, after the first half of the chunks, until `release()`; `pause-last` after all. */
export type CallEnd =
  | 'complete'
  | 'result-only'
  | 'no-marker'
  | 'error'
  | 'fin'
  | 'rst'
  | 'hang'
  | 'silent-headers'
  | 'garbage'
  | 'open-after-result'
  | 'pause'
  | 'pause-last'
  | { status: 409 | 429 | 500 | 503 | 529; retryAfterS?: number };

export type Plan = {
  nonce: string;
  chunks: number;
  /** Between chunks, in ms. */
  paceMs: number;
  /** One entry a call; the last one goes on for all further calls. */
  ends: CallEnd[];
};

export type RecordingUpstream = {
  url: string;
  port: number;
  calls(): UpstreamCallRecord[];
  /** Resolves when the n-th call of a job (or of any, without a job id) has sent its first chunk. */
  untilOutput(jobId?: string, n?: number): Promise<void>;
  untilCalls(n: number): Promise<void>;
  /** Calls that are under way. */
  running(): UpstreamCallRecord[];
  /** Resolves when no more calls than these are under way. */
  untilRunning(atMost: number): Promise<void>;
  untilIdle(): Promise<void>;
  /** Resolves when the job's last call has ended. */
  untilEnded(jobId: string): Promise<void>;
  /** Status of the answers to requests to pause or resume an execution; default 200. They hold its chunks. */
  answerControl(status: number): void;
  /** Lets all calls that pause go on. */
  release(): void;
  /** The same, also for calls that come to their pause while the work goes on. */
  releaseWhile<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** A call that can be held between two chunks. */
type Execution = { response: ServerResponse; held: PromiseWithResolvers<void> | undefined };

/** The prompt that makes the upstream follow a plan. */
export function planPrompt(plan: Plan): string {
  return JSON.stringify(plan);
}

/** The text that a complete call of a plan gives. */
export function planText({ nonce, chunks }: Plan): string {
  return Array.from({ length: chunks }, (_, i) => chunkText(nonce, i)).join('');
}

/** Starts it on a free port, or on a given one. */
export async function startRecordingUpstream({ port = 0 } = {}): Promise<RecordingUpstream> {
  const calls: UpstreamCallRecord[] = [];
  // Looked at with every chunk: a search through all calls would not carry hundreds of jobs.
  const callsByJob = new Map<string, UpstreamCallRecord[]>();
  const unfinished = new Set<UpstreamCallRecord>();
  const watchers = new Set<() => void>();
  let released = Promise.withResolvers<void>();
  let passing = 0;
  const executions = new Map<string, Execution>();
  let controlStatus = 200;

  function changed(): void {
    for (const look of watchers) look();
  }

  function until(holds: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (!holds()) return;
      watchers.delete(look);
      resolve();
    };
    watchers.add(look);
    look();
    return promise;
  }

  function release(): void {
    released.resolve();
    released = Promise.withResolvers();
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') {
      request.resume();
      response.end('{"status":"ok"}');
      return;
    }
    const [, id, action] = /\/executions\/([^/]+)\/(pause|resume)$/.exec(request.url ?? '') ?? [];
    if (id !== undefined) {
      request.resume();
      control(executions.get(id), action === 'pause', response);
      return;
    }
    const { question, executionId } = JSON.parse(await readAll(request)) as Record<string, string>;
    const plan = JSON.parse(question ?? '{}') as Plan;
    const [, jobId = '', attempt = '0'] = /^(job_[0-9a-f]+)-(\d+)/.exec(executionId ?? '') ?? [];
    const ofJob = callsByJob.get(jobId) ?? [];
    callsByJob.set(jobId, ofJob);
    const earlier = ofJob.length;
    const call: UpstreamCallRecord = { jobId, attempt: Number(attempt), startedAt: Date.now(), text: '' };
    calls.push(call);
    ofJob.push(call);
    unfinished.add(call);
    changed();
    response.on('close', () => {
      ended(call, 'client-abort');
    });
    // A socket that the worker resets is news for 'close' only.
    response.on('error', () => undefined);
    const execution: Execution = { response, held: undefined };
    executions.set(executionId ?? '', execution);
    const end = plan.ends[Math.min(earlier, plan.ends.length - 1)] ?? 'complete';
    await answer(call, plan, end, execution);
  }

  function control(execution: Execution | undefined, pause: boolean, answerTo: ServerResponse): void {
    const status = execution === undefined || execution.response.destroyed ? 404 : controlStatus;
    if (status === 200 && execution && pause !== (execution.held !== undefined)) {
      execution.held?.resolve();
      execution.held = pause ? Promise.withResolvers() : undefined;
      send(execution.response, { type: pause ? 'paused' : 'resumed' });
    }
    answerTo.writeHead(status, { 'content-type': 'application/json' }).end('{"scripted":true}');
  }

  function ended(call: UpstreamCallRecord, how: UpstreamEnding): void {
    if (call.endedAt !== undefined) return;
    unfinished.delete(call);
    call.endedAt = Date.now();
    call.endedBy = how;
    call.sha256 = createHash('sha256')
      .update(call.text ?? '')
      .digest('hex');
    changed();
  }

  async function answer(
    call: UpstreamCallRecord,
    plan: Plan,
    end: CallEnd,
    execution: Execution,
  ): Promise<void> {
    const { response } = execution;
    if (typeof end === 'object') {
      const retryAfter = end.retryAfterS === undefined ? {} : { 'retry-after': `${end.retryAfterS}` };
      ended(call, end.status === 500 ? 'failed' : 'refused');
      response.writeHead(end.status, retryAfter).end('{"error":{"code":"scripted"}}');
      return;
    }
    if (end === 'silent-headers') return;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    send(response, { type: 'start', execution_id: `${call.jobId}-${call.attempt}`, engine: 'recording' });
    const isWhole = !['fin', 'rst', 'hang', 'no-marker'].includes(end as string);
    const count = isWhole ? plan.chunks : Math.ceil(plan.chunks / 2);
    for (let i = 0; i < count && !response.destroyed; i += 1) {
      if (plan.paceMs > 0) await new Promise((resolve) => setTimeout(resolve, plan.paceMs));
      if (end === 'pause' && i === Math.floor(count / 2) && passing === 0) await released.promise;
      // No wait where nothing is held: without a pace, a half of the answer goes out in one step.
      if (execution.held) await execution.held.promise;
      if (response.destroyed) return;
      if (end === 'garbage' && i === 1) response.write('<html>this is no JSON</html>\n');
      const text = chunkText(plan.nonce, i);
      call.text += text;
      call.firstByteAt ??= Date.now();
      send(response, {
        type: 'stream_event',
        event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
      });
      changed();
    }
    if (end === 'pause-last' && passing === 0) await released.promise;
    finish(call, end, response);
  }

  function finish(call: UpstreamCallRecord, end: Exclude<CallEnd, object>, response: ServerResponse): void {
    if (response.destroyed || end === 'hang') return;
    if (end === 'fin' || end === 'rst') {
      ended(call, 'cut');
      if (end === 'rst') response.socket?.resetAndDestroy();
      else response.socket?.end();
      return;
    }
    if (end === 'no-marker') {
      ended(call, 'no-evidence');
      response.end();
      return;
    }
    const isError = end === 'error';
    send(response, {
      type: 'result',
      subtype: isError ? 'error_during_execution' : 'success',
      is_error: isError,
      ...(isError ? { errors: ['scripted'] } : { result: call.text }),
      num_turns: 1,
    });
    ended(call, isError ? 'failed' : 'complete');
    if (end === 'open-after-result') return;
    if (end !== 'result-only') {
      const { text = '', sha256 } = call;
      send(response, {
        type: 'complete',
        execution_id: `${call.jobId}-${call.attempt}`,
        status: isError ? 'error' : 'success',
        exit_code: isError ? 1 : 0,
        bytes: Buffer.byteLength(text),
        digest: sha256,
      });
    }
    response.end();
  }

  const server = createServer((request, response) => void handle(request, response));
  server.keepAliveTimeout = 1;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const callsOf = (jobId: string) => callsByJob.get(jobId) ?? [];
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    calls: () => calls,
    untilOutput: (jobId, n = 1) =>
      until(
        () =>
          (jobId === undefined ? calls : callsOf(jobId)).filter((call) => call.firstByteAt !== undefined)
            .length >= n,
      ),
    untilCalls: (n) => until(() => calls.length >= n),
    running: () => [...unfinished],
    answerControl(status) {
      controlStatus = status;
    },
    untilRunning: (atMost) => until(() => unfinished.size <= atMost),
    untilIdle: () => until(() => unfinished.size === 0),
    untilEnded: (jobId) => until(() => callsOf(jobId).at(-1)?.endedAt !== undefined),
    release,
    async releaseWhile(work) {
      passing += 1;
      release();
      try {
        return await work;
      } finally {
        passing -= 1;
      }
    },
    async close() {
      released.resolve();
      for (const { held } of executions.values()) held?.resolve();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function chunkText(nonce: string, i: number): string {
  return `${nonce}:${i} `;
}

function send(response: ServerResponse, line: object): void {
  response.write(`${JSON.stringify(line)}\n`);
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
