import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createLogger, loadConfig } from '@cc-executor/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endJob, isTracingOn, openTracing, startAttempt, startJob, tracingSettings } from '../src/index.ts';

const index = fileURLToPath(new URL('../src/index.ts', import.meta.url));
const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
const options = { service: 'cc-executor-test', version: '1.2.3', logger };
const configOf = (env: Record<string, string>) => loadConfig('test', tracingSettings, env);
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

describe('whether jobs are traced', () => {
  it.each<[Record<string, string>, boolean]>([
    [{}, false],
    [endpoint, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'console,otlp' }, true],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, false],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'true' }, false],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }, false],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, false],
  ])('is for the variables to say: %j', (env, isOn) => {
    expect(isTracingOn(configOf(env))).toBe(isOn);
  });

  it('is no for a protocol that is not spoken, with a warning', async () => {
    const warn = vi.spyOn(logger, 'warn');
    const config = configOf({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(await openTracing(config, options)).toBeUndefined();
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });
});

/** Opens traces in a process of its own, and lists which packages of OpenTelemetry it has loaded. */
function packagesLoaded(env: Record<string, string>): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ load(url, context, next) {
      loaded.add(/node_modules\\/(@opentelemetry\\/[^/]+)/.exec(url)?.[1]);
      return next(url, context);
    } });
    const { openTracing, tracingSettings } = await import(${JSON.stringify(index)});
    const { loadConfig } = await import('@cc-executor/runtime');
    const tracing = await openTracing(loadConfig('test', tracingSettings), { service: 'x', version: '1', logger: {} });
    process.stdout.write(JSON.stringify([...loaded].filter(Boolean).sort()));
    process.exit();`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd, env });
  return JSON.parse(child.stdout.toString() || JSON.stringify([child.stderr.toString()])) as string[];
}

it('loads no package of OpenTelemetry where nothing is traced', () => {
  expect(packagesLoaded({})).toEqual([]);
  // That would have been seen.
  expect(packagesLoaded(endpoint)).toContain('@opentelemetry/sdk-trace');
});

describe('a collector', () => {
  const requests: { headers: IncomingMessage['headers']; url: string | undefined; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    requests.push({ headers: request.headers, url: request.url, body: await buffer(request) });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  beforeEach(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    requests.length = 0;
    server.closeAllConnections();
    server.close();
  });

  /** Lets a job be told of, and gives what came of it. */
  async function tell(env: Record<string, string>, jobId = 'job_1', traceparent?: string) {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const tracing = await openTracing(configOf(process.env as Record<string, string>), options);
    const job = { jobId, traceparent, createdAt: 1_000, startedAt: 1_500 };
    const attempt = startAttempt(tracing!, job, 1, 1_500);
    attempt.end({ error: 'worker_lost', endMs: 1_800 });
    endJob(tracing!, { ...job, status: 'failed', failure: 'worker_lost', endedAt: 2_000 });
    const whole = startJob(tracing!, job).traceparent;
    await tracing!.close();
    return { whole, attempt: attempt.traceparent };
  }

  it('gets spans as Protocol Buffers unless told otherwise, with the attributes and headers that are set', async () => {
    await tell({ OTEL_RESOURCE_ATTRIBUTES: 'deployment=blue', OTEL_EXPORTER_OTLP_HEADERS: 'x-key=abc' });
    expect(requests).toHaveLength(1);
    const [{ headers, url, body } = { headers: {}, url: '', body: Buffer.from('') }] = requests;
    expect(headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-key': 'abc' });
    expect(url).toBe('/v1/traces');
    for (const word of ['cc-executor-test', 'blue', 'worker_lost', 'queue', 'attempt'])
      expect(body).toSatisfy((bytes: Buffer) => bytes.includes(word));
  });

  it('gets the same ids whoever tells of a job, and others for another', async () => {
    const json = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_SERVICE_NAME: 'mine' };
    const [first, second, other] = [await tell(json), await tell(json), await tell(json, 'job_2')];
    expect(second).toEqual(first);
    expect(new Set([first.whole, first.attempt, other.whole, other.attempt]).size).toBe(4);
    expect(requests[0]?.body.toString()).toContain('"mine"');
    expect(requests[0]?.body.toString()).not.toContain('cc-executor-test');
  });

  it('that is away is told of in a warning, and holds nobody up', async () => {
    server.close();
    const warn = vi.spyOn(logger, 'warn');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '100');
    const env = { ...process.env, OTEL_BSP_SCHEDULE_DELAY: '10' } as Record<string, string>;
    const tracing = await openTracing(configOf(env), options);
    startJob(tracing!, { jobId: 'job_1', createdAt: 1_000 }).end();
    const said = { err: expect.stringMatching(/^connect ECONNREFUSED [\d.:]+$/) };
    await vi.waitFor(() => expect(warn).toHaveBeenCalledWith(said, 'traces cannot be sent'), 10_000);
    await tracing!.close();
    warn.mockRestore();
  });

  it('gets what the sampler lets through, by the word of a client only where that counts', async () => {
    const unwanted = `00-${'f'.repeat(8)}${'0'.repeat(24)}-${'b'.repeat(16)}-00`;
    await tell({}, 'job_1', unwanted);
    await tell({ OTEL_TRACES_SAMPLER: 'always_off' });
    await tell({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }, 'job_1', unwanted);
    expect(requests).toEqual([]);
    await tell({ OTEL_TRACES_SAMPLER: 'always_on' }, 'job_1', unwanted);
    expect(requests).toHaveLength(1);
  });
});
