/**
 * Tenants' own credentials, on their way from the operator's store to the model: the worker's own code calls a real claude-api,
 * whose Claude Code, one of tests, asks a model that notes which key came with which question.
 */
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import { tenantWorkspace } from '@cc-executor/claude-options/tenant-workspace';
import type { JobSpec } from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger } from '@cc-executor/runtime';
import { createMemoryJobLog, createMemoryUsageBlock } from '@cc-executor/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openCredentialStore } from '../apps/claude-api/src/credentials/open.ts';
import type { CredentialSource } from '../apps/claude-api/src/credentials/source.ts';
import { startModelProxy } from '../apps/claude-api/src/model-proxy.ts';
import { bestContainment, claudeEngine, startApi, temporaryFolder } from '../apps/claude-api/test/harness.ts';
import { createBench } from '../apps/worker/test/harness.ts';

const HOUR = 60 * 60_000;
const SERVICE = { apiKey: 'sk-service-4711', authToken: undefined, oauthToken: undefined };

/** The model: it notes which key each question came with. A key may be limited until a time (Unix s). */
async function startModel() {
  const keys = new Map<string, string>();
  const limits = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const { 'x-api-key': key, authorization = '' } = request.headers;
    const shown = String(key ?? authorization);
    keys.set(await text(request), shown);
    const until = limits.get(shown);
    if (until !== undefined) response.writeHead(429);
    response.end(String(until ?? 'answered'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { keys, limits, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function storeIn(path: string, content: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A claude-api with this store, and workers for it. Whatever it says is kept. */
async function setUp({ source, isRequired = false }: { source: CredentialSource; isRequired?: boolean }) {
  const said: string[] = [];
  const stream = { write: (line: string) => void said.push(line) };
  const logger = createLogger({ name: 'test', level: 'trace', format: 'json', stream });
  const model = await startModel();
  const environment = { PATH: process.env.PATH, HOME: temporaryFolder() };
  const store = openCredentialStore(source, {
    ...{ app: 'claude-api', environment, salt: '', maxAgeMs: 60_000, logger },
  });
  const credentials = { ...SERVICE, baseUrl: undefined };
  const modelProxy = await startModelProxy({ credentials, baseUrl: model.url, environment, logger });
  onTestFinished(() => modelProxy.close());
  const folder = source.kind === 'file' ? dirname(source.value) : undefined;
  const workspacesDir = temporaryFolder();
  const engine = claudeEngine({
    ...{ credentials, modelProxy, environment, logger },
    tenantCredentials: { store, isRequired, folder },
    workspacesDir,
  });
  const metrics = createMetrics({ role: 'claude-api', version: 'test', isOn: true });
  const api = await startApi(engine, { logger, metrics });
  const claudeApi = createClaudeApiClient({ url: api.url });
  const usageBlock = createMemoryUsageBlock();
  onTestFinished(() => claudeApi.close());

  /** The job's events; what the worker writes to its log is kept, too. */
  async function runJob(tenant: string, prompt: string, spec: Partial<JobSpec> = {}) {
    const { log } = createMemoryJobLog();
    const bench = await createBench({
      ...{ scripts: [], log, usageBlock, tenant, queueMs: 2 * HOUR },
      spec: { prompt, model: 'asks', ...spec },
    });
    Object.assign(bench.context, { claudeApi, logger });
    const { status } = await bench.process();
    bench.close();
    const events = await bench.events();
    said.push(JSON.stringify([events, await log.get(tenant, bench.jobId)]));
    return { status, last: events.at(-1), events, waits: bench.waits };
  }
  async function listen() {
    for (const path of ['/ready', '/health', '/metrics'])
      said.push(await (await fetch(api.url + path)).text());
    return said.join('\n');
  }
  return { model, runJob, listen, workspacesDir, usageBlock, url: api.url };
}

test('each tenant asks the model with its own, also at the same time, and as they are now', async () => {
  const value = join(temporaryFolder(), 'credentials.json');
  const other = await startModel();
  const own = {
    acme: { apiKey: 'sk-acme-4711' },
    rival: { authToken: 'token-rival-4711', baseUrl: other.url },
  };
  storeIn(value, own);
  const { model, runJob, listen } = await setUp({ source: { kind: 'file', value } });
  const jobs = ['acme', 'rival', 'nobody'].map((tenant) => runJob(tenant, `of ${tenant}`));
  for (const { last } of await Promise.all(jobs)) expect(last).toMatchObject({ text: '200 answered' });
  expect(Object.fromEntries(model.keys)).toEqual({
    'of acme': 'sk-acme-4711',
    'of nobody': SERVICE.apiKey,
  });
  expect(Object.fromEntries(other.keys)).toEqual({ 'of rival': 'Bearer token-rival-4711' });
  storeIn(value, { ...own, acme: { apiKey: 'sk-acme-anew-4711' } });
  await runJob('acme', 'later');
  expect(model.keys.get('later')).toBe('sk-acme-anew-4711');
  const all = await listen();
  expect(all).toContain('"tenants":2');
  expect(all).not.toContain('4711');
});

test('a tool that looks for the credentials of its tenant, of others and of the service finds none, also while they change', async ({
  skip,
}) => {
  skip(bestContainment().hides !== 'all', 'this machine cannot hide files from executions');
  const folder = temporaryFolder();
  const value = join(folder, 'credentials.json');
  const entries = { acme: { apiKey: 'sk-acme-4711' }, rival: { oauthToken: 'token-rival-4711' } };
  storeIn(value, entries);
  const { runJob, workspacesDir } = await setUp({ source: { kind: 'file', value } });
  const workspace = join(workspacesDir, tenantWorkspace('acme', 'w'));
  const look = `cat ${value}; ls -a ${folder}; cat /proc/[0-9]*/environ | tr '\\0' '\\n'; env; echo looked`;
  const hunt = `(${look}; touch ready; until test -e go; do sleep 0.02; done; ${look}) > found 2>&1`;
  const hunting = runJob('acme', hunt, { model: 'runs', workspace: 'w' });
  await vi.waitFor(() => expect(existsSync(join(workspace, 'ready'))).toBe(true), { timeout: 20_000 });
  // A file that takes its place is another one.
  storeIn(value, { ...entries, later: { apiKey: 'sk-later-4711' } });
  writeFileSync(join(workspace, 'go'), '');
  await hunting;
  const found = readFileSync(join(workspace, 'found'), 'utf8');
  expect(found.match(/^looked$/gm)).toHaveLength(2);
  expect(found).toContain('ANTHROPIC_API_KEY=run-');
  expect(found).not.toContain('4711');
});

test('a tenant that must have its own and has none is refused for good, and nothing is asked', async () => {
  const value = join(temporaryFolder(), 'credentials.json');
  storeIn(value, { acme: { apiKey: 'own' } });
  const { model, runJob } = await setUp({ source: { kind: 'file', value }, isRequired: true });
  const { last, events } = await runJob('rival', 'x', { retry: 'always' });
  expect(last).toMatchObject({ type: 'failed', error: { code: 'credentials_missing', retrySafe: true } });
  expect(events.map(({ type }) => type)).not.toContain('throttled');
  expect(model.keys.size).toBe(0);
});

test('while a command fails the job waits without a slot, and others go on', async () => {
  const mended = join(temporaryFolder(), 'mended');
  const command = `test "$CC_EXECUTOR_TENANT" = rival || cat ${mended}`;
  const { model, runJob } = await setUp({ source: { kind: 'command', value: command } });
  const waiting = runJob('acme', 'of acme');
  expect((await runJob('rival', 'of rival')).last).toMatchObject({ type: 'completed' });
  expect(model.keys.get('of rival')).toBe(SERVICE.apiKey);
  writeFileSync(mended, JSON.stringify({ apiKey: 'mended' }));
  const { last, waits, events } = await waiting;
  expect(last).toMatchObject({ type: 'completed' });
  // As often as it was tried meanwhile.
  expect(waits.slice(0, 2)).toEqual([true, false]);
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'throttled', reason: 'credentials_unavailable' }),
  );
  expect(model.keys.get('of acme')).toBe('mended');
});

test('a usage limit of one credential holds up those that ask with it, and nobody else', async () => {
  const value = join(temporaryFolder(), 'credentials.json');
  const own = { acme: { apiKey: 'sk-acme' }, rival: { apiKey: 'sk-rival' }, twin: { apiKey: 'sk-acme' } };
  storeIn(value, own);
  const { model, runJob, usageBlock, url } = await setUp({ source: { kind: 'file', value } });
  const outcomes = async (...tenants: string[]) => {
    const ran = await Promise.all(tenants.map((tenant) => runJob(tenant, `${tenant} ${Math.random()}`)));
    return ran.map(({ status }) => status);
  };
  const reset = Math.ceil((Date.now() + HOUR) / 1_000);
  model.limits.set('sk-acme', reset);
  expect(await outcomes('acme')).toEqual(['handed back']);
  const asked = model.keys.size;
  const headers = { 'x-tenant': 'acme' };
  const { credential } = await (await fetch(`${url}/credential`, { headers })).json();
  expect(await usageBlock.read()).toEqual([{ resetsAt: reset * 1_000, limit: 'five_hour', credential }]);
  expect(await outcomes('acme', 'twin')).toEqual(['handed back', 'handed back']);
  expect(model.keys.size).toBe(asked);
  expect(await outcomes('rival', 'nobody')).toEqual(['completed', 'completed']);
  // The service's own is held up for all that have none.
  model.limits.set(SERVICE.apiKey, reset);
  expect(await outcomes('nobody')).toEqual(['handed back']);
  expect(await outcomes('default', 'rival')).toEqual(['handed back', 'completed']);
  // Another key is not limited.
  storeIn(value, { ...own, acme: { apiKey: 'sk-acme-anew' } });
  expect(await outcomes('acme', 'twin')).toEqual(['completed', 'handed back']);
});
