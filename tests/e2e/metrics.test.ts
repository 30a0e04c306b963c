/** GET /metrics of every service, as real processes: what happens moves the counters, and nothing private is in them. */
import { connectWire, type ServiceProcess, type Stack, startService, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESTLESS } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';

let stack: Stack;
let dashboard: ServiceProcess;

beforeAll(async () => {
  stack = await startStack({ env: { ...RESTLESS, WORKER_CONCURRENCY: '3', GATEWAY_HEARTBEAT_MS: '200' } });
  dashboard = await startService({
    app: 'dashboard',
    env: { REDIS_URL: stack.redis.url, DASHBOARD_PORT: '0' },
  });
});
afterAll(async () => {
  await dashboard.stop();
  await stack.close();
});

function addressOf({ ready }: ServiceProcess): string {
  return `http://127.0.0.1:${ready.healthPort ?? ready.port}`;
}

async function scrape(service: ServiceProcess): Promise<string> {
  const response = await fetch(`${addressOf(service)}/metrics`);
  expect(response.status).toBe(200);
  return response.text();
}

/** The value of one series; undefined when it is not there. */
function valueIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const services = () => ({
  gateway: stack.gateways[0]!,
  worker: stack.workers[0]!,
  claudeApi: stack.claudeApi!,
});

test('a completed, a cancelled and a refused request move the counters of gateway, worker and claude-api', async () => {
  const { gateway, worker, claudeApi } = services();
  const wire = await connectWire(stack.url());
  const word = nonce(16);
  const prompt = `demo:${JSON.stringify({ text: `${word} `, repeat: 20 })}`;
  const { result } = await wire.request('execute', { prompt, metadata: { note: word } });
  await wire.untilTerminal(result.jobId);
  const long = `demo:${JSON.stringify({ text: 'x', repeat: 1_000, delayMs: 100 })}`;
  const running = (await wire.request('execute', { prompt: long })).result.jobId;
  await wire.until(({ params }) => params?.jobId === running && params.type === 'output');

  const during = await Promise.all([gateway, worker, claudeApi].map(scrape));
  expect(valueIn(during[0]!, 'cc_executor_gateway_connections{door="native"}')).toBe(1);
  expect(valueIn(during[0]!, 'cc_executor_gateway_attachments')).toBe(1);
  expect(valueIn(during[0]!, 'cc_executor_queue_jobs{state="active"}')).toBe(1);
  expect(valueIn(during[0]!, 'cc_executor_unfinished_jobs')).toBeGreaterThanOrEqual(1);
  expect(valueIn(during[0]!, 'cc_executor_redis_up')).toBe(1);
  expect(valueIn(during[1]!, 'cc_executor_worker_slots')).toBe(3);
  expect(valueIn(during[1]!, 'cc_executor_worker_slots_busy')).toBe(1);
  expect(valueIn(during[1]!, 'cc_executor_worker_taking')).toBe(1);
  expect(valueIn(during[2]!, 'cc_executor_claude_api_executions')).toBe(1);
  expect(valueIn(during[2]!, 'cc_executor_claude_api_engine_info{engine="demo"}')).toBe(1);

  await wire.request('cancel', { jobId: running });
  await wire.untilTerminal(running);
  await wire.request('get', { jobId: `job_${'0'.repeat(32)}` });
  wire.send('not json');
  await wire.until(({ error }) => error?.data?.code === 'parse_error');
  await wire.close();
  await expect
    .poll(async () => valueIn(await scrape(gateway), 'cc_executor_gateway_connections{door="native"}'))
    .toBe(0);

  const atGateway = await scrape(gateway);
  expect(valueIn(atGateway, 'cc_executor_gateway_jobs_accepted_total')).toBe(2);
  expect(valueIn(atGateway, 'cc_executor_gateway_connections_opened_total{door="native"}')).toBe(1);
  expect(valueIn(atGateway, 'cc_executor_gateway_connections_closed_total{reason="client"}')).toBe(1);
  const request = (method: string, outcome: string) =>
    valueIn(
      atGateway,
      `cc_executor_gateway_requests_total{door="native",method="${method}",outcome="${outcome}"}`,
    );
  expect(request('execute', 'ok')).toBe(2);
  expect(request('cancel', 'ok')).toBe(1);
  expect(request('none', 'parse_error')).toBe(1);

  await expect.poll(async () => valueIn(await scrape(worker), 'cc_executor_worker_slots_busy')).toBe(0);
  const atWorker = await scrape(worker);
  const ended = 'cc_executor_worker_attempts_ended_total';
  expect(valueIn(atWorker, `${ended}{outcome="completed",code=""}`)).toBe(1);
  expect(valueIn(atWorker, `${ended}{outcome="cancelled",code="client"}`)).toBe(1);
  expect(valueIn(atWorker, 'cc_executor_worker_first_output_seconds_count')).toBe(2);
  expect(valueIn(atWorker, 'cc_executor_worker_attempt_duration_seconds_count{outcome="completed"}')).toBe(1);
  expect(valueIn(atWorker, 'cc_executor_worker_append_events_sum')).toBeGreaterThan(20);
  expect(valueIn(atWorker, 'cc_executor_worker_append_duration_seconds_count')).toBe(
    valueIn(atWorker, 'cc_executor_worker_append_events_count'),
  );

  const atClaudeApi = await scrape(claudeApi);
  expect(
    valueIn(atClaudeApi, 'cc_executor_claude_api_executions_ended_total{status="success",code=""}'),
  ).toBe(1);
  expect(valueIn(atClaudeApi, 'cc_executor_claude_api_executions')).toBe(0);

  for (const text of [atGateway, atWorker, atClaudeApi]) {
    expect(text).not.toContain(word);
    expect(text).not.toContain(result.jobId);
    expect(text).toMatch(/^cc_executor_build_info\{version="[^"]+",role="(gateway|worker|claude-api)"\} 1$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  }
});

test('claude-api counts what it refuses', async () => {
  const { claudeApi } = services();
  await fetch(`${addressOf(claudeApi)}/execute/claude-stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(
    valueIn(
      await scrape(claudeApi),
      'cc_executor_claude_api_executions_refused_total{code="invalid_request"}',
    ),
  ).toBe(1);
});

test("the dialect's requests are counted under its own door, and unknown methods under one name", async () => {
  const { gateway } = services();
  const wire = await connectWire(stack.dialectUrl(), { subprotocol: null });
  const method = `evil_${nonce(8)}`;
  wire.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }));
  await wire.until(({ error }) => error !== undefined);
  await wire.close();
  const text = await scrape(gateway);
  expect(
    valueIn(
      text,
      'cc_executor_gateway_requests_total{door="dialect",method="none",outcome="unknown_method"}',
    ),
  ).toBe(1);
  expect(text).not.toContain(method);
});

test('the dashboard tells what it is', async () => {
  expect(await scrape(dashboard)).toContain('role="dashboard"');
});

test('while Redis stands still, a scrape answers in time, says so, and shows no old queue depth', async () => {
  const { gateway, worker } = services();
  const redis = stack.redis.pid!;
  process.kill(redis, 'SIGSTOP');
  try {
    const askedAt = performance.now();
    const texts = await Promise.all([scrape(gateway), scrape(worker)]);
    expect(performance.now() - askedAt).toBeLessThan(5_000);
    for (const text of texts) expect(valueIn(text, 'cc_executor_redis_up')).toBe(0);
    expect(texts[0]).not.toMatch(/^cc_executor_queue_jobs\{/m);
  } finally {
    process.kill(redis, 'SIGCONT');
  }
  for (const service of [gateway, worker]) {
    await expect.poll(async () => valueIn(await scrape(service), 'cc_executor_redis_up')).toBe(1);
  }
});

test('with METRICS=off there is no such page', async () => {
  const env = { METRICS: 'off' };
  const [gateway, worker] = [await stack.startGateway(env), await stack.startWorker(env)];
  for (const service of [gateway, worker]) {
    expect((await fetch(`${addressOf(service)}/metrics`)).status).toBe(404);
    expect((await fetch(`${addressOf(service)}/health`)).status).toBe(200);
  }
});
