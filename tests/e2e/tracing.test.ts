/**
 * Traces of a whole stack, as a collector of OpenTelemetry gets them: whatever happens to a job, who dies included, its spans are
 * one tree below what its client called it a part of, and its root has ended.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Result } from '@cc-executor/protocol';
import { type ServiceProcess, type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Collector, type Span, shapeOf, startCollector } from './support/collector.ts';

const PATIENCE = { timeout: 30_000, interval: 50 };
const CLIENT = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const slowly = `demo:${JSON.stringify({ text: 'x ', repeat: 120, delayMs: 25 })}`;
const endless = `demo:${JSON.stringify({ text: 'x ', repeat: 9, hang: true })}`;

let collector: Collector;
let unasked: Collector;
const told: { traceparent: string | undefined; jobId: string }[] = [];
const receiver = createServer(async (request, response) => {
  const { jobId } = (await json(request)) as { jobId: string };
  told.push({ traceparent: request.headers.traceparent as string | undefined, jobId });
  response.writeHead(204).end();
});
let stack: Stack;
let hook: string;

beforeAll(async () => {
  [collector, unasked] = await Promise.all([startCollector(), startCollector()]);
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const env = {
    ...{ JOB_LEASE_MS: '5000', GATEWAY_SWEEP_MS: '100' },
    ...{ WEBHOOK_SECRETS: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
    ...{ WEBHOOK_ALLOWED_TARGETS: '127.0.0.1', ...collector.env },
  };
  stack = await startStack({ env, upstream: { env: { CLAUDE_ENGINE: 'demo', ...collector.env } } });
});
afterAll(async () => {
  await stack.close();
  for (const { close } of [collector, unasked]) close();
  receiver.closeAllConnections();
  receiver.close();
});

async function ask<T>(
  path: string,
  { body, headers = {}, gateway = stack.gateways[0]! }: Partial<Asked> = {},
): Promise<T> {
  const init = { method: 'POST', body: JSON.stringify(body ?? {}) };
  const all = { 'content-type': 'application/json', ...headers };
  const response = await fetch(`http://127.0.0.1:${gateway.ready.port}/v1${path}`, { ...init, headers: all });
  return (await response.json()) as T;
}
type Asked = { body: object; headers: Record<string, string>; gateway: ServiceProcess };

const submit = (body: object, more: Omit<Partial<Asked>, 'body'> = {}) =>
  ask<Result<'execute'>>('/jobs', { body, ...more });

async function get(jobId: string): Promise<Result<'get'>> {
  const response = await fetch(`http://127.0.0.1:${stack.gateways[0]?.ready.port}/v1/jobs/${jobId}`);
  return (await response.json()) as Result<'get'>;
}

const until = (jobId: string, seen: object) =>
  vi.waitFor(async () => {
    const job = await get(jobId);
    expect(job).toMatchObject(seen);
    return job;
  }, PATIENCE);

const rootOf = (spans: Span[]) => spans.find(({ name }) => name === 'job')!;
const msOf = (nanos: string) => Number(BigInt(nanos) / 1_000_000n);
const headerOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `00-${traceId}-${spanId}-01`;
const traceOf = (traceparent: string | undefined) => traceparent?.split('-')[1] ?? '';

it('is one tree with an ended root, also of a job that was begun twice and of one whose worker was killed', async () => {
  const headers = { traceparent: headerOf(CLIENT) };
  const again = await submit({ prompt: slowly, retry: 'always', webhook: { url: hook } }, { headers });
  const lost = await submit({ prompt: endless });
  for (const { jobId } of [again, lost])
    await until(jobId, { status: 'running', lastSeq: expect.toSatisfy((seq) => seq > 3) });
  stack.workers[0]?.kill('SIGKILL');
  await stack.workers[0]?.exited;
  const waiting = await submit({ prompt: 'hello' });
  await ask(`/jobs/${waiting.jobId}/cancel`);
  await stack.startWorker();
  const ended = await until(again.jobId, { status: 'completed', webhook: { state: 'delivered' } });
  await until(lost.jobId, { status: 'failed', failure: 'worker_lost' });

  const tree = await collector.untilTree(CLIENT.traceId, 8);
  expect(shapeOf(tree, CLIENT.spanId)).toEqual([
    ' > job (worker)',
    'attempt > execution (claude-api)',
    'attempt > execution (claude-api)',
    'job > attempt (gateway) !worker_lost',
    'job > attempt (worker)',
    'job > execute (gateway)',
    'job > queue (worker)',
    'job > webhook (gateway)',
  ]);
  const parents = tree.filter(({ name }) => name === 'execution').map(({ parentSpanId }) => parentSpanId);
  expect(new Set(parents).size).toBe(2);
  expect(again.traceparent).toBe(headerOf(rootOf(tree)));
  const sent = tree.find(({ name }) => name === 'webhook');
  expect(told).toEqual([{ jobId: again.jobId, traceparent: headerOf(sent!) }]);
  expect(msOf(rootOf(tree).startTimeUnixNano)).toBe(ended.createdAt);

  const ofLost = await collector.untilTree(traceOf(lost.traceparent), 5);
  expect(shapeOf(ofLost, undefined)).toEqual([
    ' > job (gateway) !worker_lost',
    'attempt > execution (claude-api)',
    'job > attempt (gateway) !worker_lost',
    'job > execute (gateway)',
    'job > queue (gateway)',
  ]);
  const { createdAt, endedAt } = await get(lost.jobId);
  const { startTimeUnixNano, endTimeUnixNano } = rootOf(ofLost);
  expect([msOf(startTimeUnixNano), msOf(endTimeUnixNano)]).toEqual([createdAt, endedAt]);

  const ofWaiting = await collector.untilTree(traceOf(waiting.traceparent), 3);
  expect(shapeOf(ofWaiting, undefined)).toEqual([
    ' > job (gateway)',
    'job > execute (gateway)',
    'job > queue (gateway)',
  ]);
});

it('tells of one job once, however often it is asked for, and does not ask of which trace', async () => {
  const ask = (span: string) =>
    submit(
      { prompt: 'hello' },
      { headers: { 'idempotency-key': 'once', traceparent: `00-${'a'.repeat(32)}-${span}-01` } },
    );
  const first = await ask('1'.repeat(16));
  const second = await ask('2'.repeat(16));
  expect(second).toMatchObject({ jobId: first.jobId, created: false, traceparent: first.traceparent });
  const tree = await collector.untilTree('a'.repeat(32), 6);
  expect(shapeOf(tree, '1'.repeat(16)).filter((span) => span.includes('execute'))).toHaveLength(2);
});

it('is not made by a gateway that is not to, which keeps what others need for it', async () => {
  const gateway = await stack.startGateway({ ...unasked.env, OTEL_SDK_DISABLED: 'true' });
  const traceId = 'b'.repeat(32);
  const job = await submit(
    { prompt: 'hello', traceparent: `00-${traceId}-${CLIENT.spanId}-01` },
    { gateway },
  );
  expect(job).not.toHaveProperty('traceparent');
  expect(shapeOf(await collector.untilTree(traceId, 4), CLIENT.spanId)).toEqual([
    ' > job (worker)',
    'attempt > execution (claude-api)',
    'job > attempt (worker)',
    'job > queue (worker)',
  ]);
  expect(await gateway.stop()).toMatchObject({ code: 0 });
  expect(unasked.requests()).toBe(0);
});

it('has the header of a batch for its lines, and that of a rerun for the new job alone', async () => {
  const [ofBatch, ofRerun] = ['d'.repeat(32), 'e'.repeat(32)] as const;
  const parent = CLIENT.spanId;
  const { jobs } = await ask<{ jobs: { jobId: string }[] }>('/batches', {
    body: { prompt: 'hello' },
    headers: {
      'content-type': 'application/x-ndjson',
      'idempotency-key': 'batch',
      traceparent: `00-${ofBatch}-${parent}-01`,
    },
  });
  expect(shapeOf(await collector.untilTree(ofBatch, 5), parent)).toContain('job > execute (gateway)');
  const headers = { traceparent: `00-${ofRerun}-${parent}-01` };
  await ask(`/jobs/${jobs[0]?.jobId}/rerun`, { headers });
  expect(shapeOf(await collector.untilTree(ofRerun, 5), parent)).toContain('job > rerun (gateway)');
});

it('leaves no trace of jobs whose client says that it is not wanted', async () => {
  const traceId = 'c'.repeat(32);
  const { jobId } = await submit({ prompt: 'hello', traceparent: `00-${traceId}-${CLIENT.spanId}-00` });
  await until(jobId, { status: 'completed' });
  // What ends later has come: so would this have.
  const later = await submit({ prompt: 'hello' });
  await collector.untilTree(traceOf(later.traceparent), 5);
  await collector.untilTree(traceId, 0);
});
