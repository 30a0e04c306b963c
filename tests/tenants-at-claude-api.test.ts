/**
 * What belongs to a tenant at claude-api: conversations, workspaces, executions. The worker's own code calls a real claude-api
 * with its client, over real sockets; the Claude Code there is one of tests, which keeps transcripts like the real one.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import type { JobSpec } from '@cc-executor/job-log';
import { expect, onTestFinished, test } from 'vitest';
import {
  claudeEngine,
  isDelta,
  leftFolders,
  readUntil,
  startApi,
  streamLines,
  temporaryFolder,
} from '../apps/claude-api/test/harness.ts';
import { createBench } from '../apps/worker/test/harness.ts';

/** What these tests look at of a terminal event. */
type Ending = { text?: string; conversation?: string; executionId?: string; error?: object };

async function setUp() {
  const engine = claudeEngine({ workspacesDir: join(temporaryFolder(), 'workspaces') });
  const api = await startApi(engine);
  const claudeApi = createClaudeApiClient({ url: api.url });
  onTestFinished(() => claudeApi.close());
  /** The terminal event of a job. */
  async function runJob(tenant: string, spec: Partial<JobSpec>) {
    const bench = await createBench({ scripts: [], tenant, spec: { model: 'remembers', ...spec } });
    Object.assign(bench.context, { claudeApi });
    await bench.process();
    bench.close();
    return (await bench.events()).at(-1) as Ending;
  }
  const memoryOf = ({ text = '{}' }: Ending) => JSON.parse(text) as { before: number; found: string[] };
  const ask = async (tenant: string | undefined, method: string, path: string) => {
    const headers = new Headers(tenant === undefined ? {} : { 'x-tenant': tenant });
    const response = await fetch(api.url + path, { method, headers });
    return `${response.status} ${await response.text()}`;
  };
  return { engine, api, claudeApi, runJob, memoryOf, ask };
}

test('a conversation goes on for its tenant alone, and is a missing one to others', async () => {
  const { engine, claudeApi, runJob, memoryOf } = await setUp();
  const told = async (tenant: string, id: string) =>
    JSON.stringify((await runJob(tenant, { conversation: id })).error).replaceAll(id, 'ID');
  for (const [owner, others] of [
    ['acme', ['rival', 'default']],
    ['default', ['acme']],
  ] as const) {
    const first = await runJob(owner, {});
    const { conversation = '', executionId = '' } = first;
    expect(first).toMatchObject({ type: 'completed', conversation: expect.stringContaining('-') });
    for (const other of others) {
      expect(await told(other, conversation)).toBe(await told(other, randomUUID()));
      expect(await told(other, conversation)).toContain('conversation_unknown');
      const foreign = await claudeApi.transcript(executionId, other);
      expect(foreign).toMatchObject({ reason: 'unknown_execution' });
    }
    expect(memoryOf(await runJob(owner, { conversation })).before).toBe(1);
    expect(await claudeApi.transcript(executionId, owner)).toHaveProperty('sha256');
    // Where it has always been, for those who have no tenants.
    const kept = existsSync(join(engine.workDir, '.claude', 'cc-executor', conversation));
    expect(kept).toBe(owner === 'default');
  }
});

test('each tenant has its own workspace of a name', async () => {
  const { runJob, memoryOf } = await setUp();
  const found = async (tenant: string) => memoryOf(await runJob(tenant, { workspace: 'main' })).found;
  for (const tenant of ['acme', 'rival', 'default']) expect(await found(tenant)).toEqual([]);
  expect(await found('acme')).toEqual(['kept']);
});

test('an execution under way is as good as not there to others, who may use its id, too', async () => {
  const { engine, api, ask } = await setUp();
  const start = async (tenant: string) => {
    const response = await fetch(`${api.url}/execute/claude-stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant': tenant },
      body: JSON.stringify({ question: 'wait', model: 'remembers', executionId: 'e' }),
    });
    const lines = streamLines(response);
    return { status: response.status, lines };
  };
  const acme = await start('acme');
  await readUntil(acme.lines, isDelta);
  for (const tenant of ['rival', 'default', undefined]) {
    for (const [method, path] of [
      ['DELETE', '/executions/ID'],
      ['POST', '/executions/ID/pause'],
      ['POST', '/executions/ID/resume'],
      ['GET', '/executions/ID/transcript'],
      ['GET', '/executions/ID/diff'],
    ] as const) {
      const [foreign, missing] = await Promise.all([
        ask(tenant, method, path.replace('ID', 'e')),
        ask(tenant, method, path.replace('ID', 'x')),
      ]);
      expect([path, foreign]).toEqual([path, missing.replaceAll(' x ', ' e ')]);
    }
  }
  const rival = await start('rival');
  await readUntil(rival.lines, isDelta);
  expect((await start('acme')).status).toBe(409);
  expect(await ask('acme', 'DELETE', '/executions/e')).toContain('202');
  expect((await readUntil(acme.lines, ({ type }) => type === 'complete')).status).toBe('cancelled');
  expect(await ask('rival', 'POST', '/executions/e/pause')).toContain('200');
  expect(await ask('rival', 'DELETE', '/executions/e')).toContain('202');
  await readUntil(rival.lines, ({ type }) => type === 'complete');
  expect(leftFolders(engine)).toEqual([]);
});

test('what is no name of a tenant is refused', async () => {
  const { ask } = await setUp();
  for (const tenant of ['', 'a b', '../up', 'a'.repeat(65), 'a, b']) {
    expect(await ask(tenant, 'GET', '/executions/e/transcript')).toMatch(/^400 .*invalid_request/);
  }
});
