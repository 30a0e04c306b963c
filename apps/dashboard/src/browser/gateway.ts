/** Asks the gateways, through the server that these pages came from. Refusals are errors in the gateway's words. */
import type {
  CancelManyResult,
  CountResult,
  GetResult,
  JobEvent,
  ListResult,
  OverviewResult,
} from '@cc-executor/protocol/plain';

import { signInAgain } from './session.ts';

export type Operation = 'cancel' | 'pause' | 'resume' | 'rerun';

/** What a stream of events has besides them. */
type Notice = { type: 'heartbeat' | 'degraded' | 'restored' | 'job_lost' | 'goaway'; reason?: string };

export function listJobs(query: URLSearchParams, signal: AbortSignal): Promise<ListResult> {
  return askJson(`/v1/jobs?${query}`, { signal });
}

export function countJobs(filter: URLSearchParams, signal: AbortSignal): Promise<CountResult> {
  return askJson(`/v1/jobs/count?${filter}`, { signal });
}

/** Cancels a page of those that fit. */
export function cancelPage(params: object, signal: AbortSignal): Promise<CancelManyResult> {
  const headers = { 'content-type': 'application/json' };
  return askJson('/v1/jobs/cancel', { method: 'POST', headers, body: JSON.stringify(params), signal });
}

export function getOverview(minutes: string, signal: AbortSignal): Promise<OverviewResult> {
  return askJson(`/v1/overview?minutes=${minutes}`, { signal });
}

export function getJob(jobId: string, signal: AbortSignal): Promise<GetResult> {
  return askJson(`/v1/jobs/${jobId}`, { signal });
}

/** Answers what became of it, in a few words. A rerun that is sent twice with one key makes one job. */
export async function operate(jobId: string, operation: Operation, key: string): Promise<string> {
  const headers: HeadersInit = operation === 'rerun' ? { 'idempotency-key': key } : {};
  const answer = await askJson<{ jobId?: string; status: string; accepted?: boolean }>(
    `/v1/jobs/${jobId}/${operation}`,
    { method: 'POST', headers },
  );
  if (operation === 'rerun') return `now runs as ${answer.jobId}`;
  return answer.accepted ? `${operation} accepted` : `not needed: it is ${answer.status}`;
}

/** The events after a position, until the stream ends, which it also does before the job has. */
export async function* readEvents(
  jobId: string,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<(JobEvent | Notice)[]> {
  const headers = { accept: 'application/x-ndjson' };
  const response = await ask(`/v1/jobs/${jobId}/events?after=${after}&watch=true`, { headers, signal });
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value = '' } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    yield lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }
}

async function askJson<T>(path: string, init: RequestInit): Promise<T> {
  return (await ask(path, init)).json();
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Error('This dashboard does not answer any more.');
  }
  if (response.ok) return response;
  if (response.status === 401) signInAgain();
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `The dashboard answered ${response.status}.`);
}
