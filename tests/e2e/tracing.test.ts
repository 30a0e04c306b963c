/**
 * Traces of a whole stack, as a collector of OpenTelemetry gets them: whatever happens to a job, who dies included, its spans are
 * one tree below what its client called it a part of, and its root has ended.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Result } from '@cc-executor/protocol';
import { type ServiceProcess, type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const PATIENCE = { timeout: 30_000, interval: 50 };
const CLIENT = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const slowly = `demo:${JSON.stringify({ text: 'x ', repeat: 60, delayMs: 25 })}`;

type Span = {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: { code?: number; message?: string };
};
type Exported = {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
};

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What it was sent, however it was cut into requests. */
function createCollector() {
  const spans: Span[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    for (const { resource, scopeSpans } of ((await json(request)) as Exported).resourceSpans) {
      const name = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service: name }))));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return {
    server,
    requests: () => requests,
    /** The spans of a trace, once there are so many. */
    untilTree(traceId: string, count: number): Promise<Span[]> {
      return vi.waitFor(() => {
        const found = spans.filter((span) => span.traceId === traceId);
        expect(found.map(({ service, name }) => `${service} ${name}`)).toHaveLength(count);
        return found;
      }, PATIENCE);
    },
  };
}

const collector = createCollector();
const unasked = createCollector();
const told: { traceparent: string | undefined; jobId: string }[] = [];
const receiver = createServer(async (request, response) => {
  const { jobId } = (await json(request)) as { jobId: string };
  told.push({ traceparent: request.headers.traceparent as string | undefined, jobId });
  response.writeHead(204).end();
});
let stack: Stack;
let hook: string;
let otel: Record<string, string>;

beforeAll(async () => {
  const [endpoint] = await Promise.all([listen(collector.server), listen(unasked.server)]);
  hook = `${await listen(receiver)}/hook`;
  otel = {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  const env = {
    ...{ JOB_LEASE_MS: '2000', GATEWAY_SWEEP_MS: '100' },
    ...{ WEBHOOK_SECRETS: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
    ...{ WEBHOOK_ALLOWED_TARGETS: '127.0.0.1', ...otel },
  };
  stack = await startStack({ env, upstream: { env: { CLAUDE_ENGINE: 'demo', ...otel } } });
});
afterAll(async () => {
  await stack.close();
  for (const { server } of [collector, unasked, { server: receiver }]) {
    server.closeAllConnections();
    server.close();
  }
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

/** Each span as `parent > name (service)`, in words; that the tree is one is checked by the way. */
function shapeOf(spans: Span[], root: string | undefined): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  return spans
    .map((span) => {
      const parent = byId.get(span.parentSpanId ?? '');
      if (parent === undefined) expect(span.parentSpanId || undefined).toBe(root);
      const failed = span.status.code === 2 ? ` !${span.status.message}` : '';
      return `${parent?.name ?? ''} > ${span.name} (${span.service.replace('cc-executor-', '')})${failed}`;
    })
    .sort();
}

const rootOf = (spans: Span[]) => spans.find(({ name }) => name === 'job')!;
const msOf = (nanos: string) => Number(BigInt(nanos) / 1_000_000n);
const headerOf = ({ traceId, spanId }: { traceId: string; spanId: string }) => `00-${traceId}-${spanId}-01`;
const traceOf = (traceparent: string | undefined) => traceparent?.split('-')[1] ?? '';

it('is one tree with an ended root, also of a job that was begun twice and of one whose worker was killed', async () => {
  const headers = { traceparent: headerOf(CLIENT) };
  const again = await submit({ prompt: slowly, retry: 'always', webhook: { url: hook } }, { headers });
  const lost = await submit({ prompt: slowly });
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
  const endpoint = `http://127.0.0.1:${(unasked.server.address() as AddressInfo).port}`;
  const gateway = await stack.startGateway({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_SDK_DISABLED: 'true',
  });
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
