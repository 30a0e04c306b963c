/** The client for claude-api: starts calls, asks questions, and lets go of everything at the end. */
import { setMaxListeners } from 'node:events';
import { optionNames } from '@cc-executor/claude-options';
import { createCall } from './call.ts';
import { type Lookup, lookupAll } from './connect.ts';
import { createConnections } from './connections.ts';
import { askCredential } from './credential.ts';
import { askDiff, askFiles, type FilesAnswer, type FilesRequest } from './files.ts';
import { surveyAddresses, type UpstreamSurvey } from './survey.ts';
import { askTranscript, type TranscriptFinding } from './transcript.ts';
import type { UpstreamCall, UpstreamRequest } from './upstream-events.ts';

export type ClaudeApiClientOptions = {
  /** Where claude-api is; a path in it is put before every other. */
  url: string;
  /** Path of the streaming endpoint, default `/execute/claude-stream`. */
  path?: string;
  /** What the service wants to be shown, if it does. */
  token?: string | undefined;
  /** For the name and all its addresses together; default 10 s. */
  connectTimeoutMs?: number;
  /** From the connection to the first output; default 90 s. */
  firstOutputMs?: number;
  /** Between two signs of progress after that; pings are none. Default 300 s. */
  idleMs?: number;
  /** How long to wait, after a result line, for the complete line; default 10 s. */
  resultLingerMs?: number;
  /** Default 16 MiB. */
  maxLineBytes?: number;
  /** Resolves a name to all its addresses; default is the system's. */
  lookup?: Lookup;
};

export type ExecuteOptions = {
  /** Aborting destroys the connection at once; claude-api then stops the execution. */
  signal?: AbortSignal;
  /** In place of the client's own. */
  limits?: { firstOutputMs?: number; idleMs?: number };
};

export type ClaudeApiClient = {
  /**
   * Makes one call, when the first batch is asked for. Can be iterated once.
   * Trouble with upstream is never thrown: the last event is `end`, exactly one, with the outcome. Leaving the loop
   * early aborts the call.
   */
  execute(request: UpstreamRequest, options?: ExecuteOptions): UpstreamCall;
  /** Looks at every address of its name. Never rejects. @param timeoutMs for all of it */
  survey(timeoutMs: number): Promise<UpstreamSurvey>;
  /**
   * By what name the credential is known with which the model would be asked for this tenant: null, where that is the service's
   * own; undefined, when it cannot be told now. Never rejects. @param signal nothing is waited for any longer
   */
  credential(tenant: string, signal: AbortSignal): Promise<string | null | undefined>;
  /** What Claude's own transcript says of an execution of this tenant, asked at every address. Never rejects. */
  transcript(executionId: string, tenant?: string): Promise<TranscriptFinding>;
  /** Errors: `FilesError`. @param signal of who asks: nothing is waited for any longer */
  files(request: FilesRequest, signal: AbortSignal): Promise<FilesAnswer>;
  /** The diff of an execution of this tenant that is kept. Errors and signal as with `files`. */
  diff(executionId: string, tenant: string, signal: AbortSignal): Promise<FilesAnswer>;
  /** Aborts all calls and closes all connections. A call that is begun later ends as aborted. */
  close(): Promise<void>;
};

export function createClaudeApiClient(options: ClaudeApiClientOptions): ClaudeApiClient {
  const target = new URL(options.url);
  const { lookup = lookupAll, connectTimeoutMs = 10_000, token } = options;
  const base = target.pathname.replace(/\/$/, '');
  const path = base + (options.path ?? '/execute/claude-stream');
  const connections = createConnections(target);
  const closing = new AbortController();
  // Every running call listens to it.
  setMaxListeners(0, closing.signal);

  const questionsUntil = (signal: AbortSignal) => ({
    target,
    token,
    connectTimeoutMs,
    lookup,
    signal: AbortSignal.any([signal, closing.signal]),
  });

  return {
    execute(request, { signal, limits } = {}) {
      return createCall({
        target,
        connections,
        token,
        tenant: request.tenant,
        path,
        executionPath: `${base}/executions/${encodeURIComponent(request.executionId)}`,
        body: requestBody(request),
        traceparent: request.traceparent,
        signals: signal === undefined ? [closing.signal] : [signal, closing.signal],
        connectTimeoutMs,
        firstOutputMs: limits?.firstOutputMs ?? options.firstOutputMs ?? 90_000,
        idleMs: limits?.idleMs ?? options.idleMs ?? 300_000,
        resultLingerMs: options.resultLingerMs ?? 10_000,
        maxLineBytes: options.maxLineBytes,
        lookup,
      });
    },
    survey: (timeoutMs) => surveyAddresses({ target, token, timeoutMs, lookup, signal: closing.signal }),
    transcript: (executionId, tenant) =>
      askTranscript({ target, token, tenant, executionId, connectTimeoutMs, lookup, signal: closing.signal }),
    credential: (tenant, signal) => askCredential({ ...questionsUntil(signal), tenant }),
    files: (request, signal) => askFiles(request, questionsUntil(signal)),
    diff: (executionId, tenant, signal) => askDiff(executionId, { ...questionsUntil(signal), tenant }),
    async close() {
      closing.abort();
      connections.close();
    },
  };
}

/** Only what claude-api knows: the caller's object may hold more. Members that are undefined are left out. */
function requestBody({ executionId, question, timeoutMs, options }: UpstreamRequest): string {
  return JSON.stringify({
    question,
    executionId,
    // It takes whole milliseconds only.
    timeoutMs: timeoutMs === undefined ? undefined : Math.max(1, Math.ceil(timeoutMs)),
    ...Object.fromEntries(optionNames.map((name) => [name, options[name]])),
  });
}
