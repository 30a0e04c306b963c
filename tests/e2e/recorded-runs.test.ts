/**
 * Every recording of the real Claude Code, played by a program in its place: through claude-api, worker, Redis and
 * gateway to the one terminal event that it should have.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@cc-executor/client';
import type { ExecuteParams, JobEvent } from '@cc-executor/protocol';
import { recordedEndings, type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runNode } from './support/child.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { enlarge, readRecording, recordingNames, writeReplayCli } from './support/replay-cli.ts';
import { main } from './support/up.ts';

const folder = mkdtempSync(join(tmpdir(), 'cc-executor-replay-'));
let stack: Stack;
let client: Client;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  const env = { CLAUDE_ENGINE: 'claude', CLAUDE_BIN: writeReplayCli(folder), ANTHROPIC_API_KEY: 'none' };
  stack = await startStack({ env: RESTLESS, upstream: { env } });
  nothingLeft = watchLeftovers(stack);
  client = createClient({ url: stack.url() });
});
afterAll(async () => {
  try {
    await client.close();
    await nothingLeft();
  } finally {
    await stack.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function run(name: string, params: Partial<ExecuteParams> = {}) {
  const job = await client.execute({ prompt: name, ...params });
  const events: JobEvent[] = await Array.fromAsync(job.events());
  return { job, events, end: await job.done(), digestOk: await job.digestOk() };
}

/** The model's API did not take the request: nothing began. */
const refusedAtOnce: Record<string, string> = {
  overloaded: 'claude_overloaded',
  unauthorized: 'claude_auth',
  'rate-limited': 'claude_rate_limited',
  'bad-request': 'claude_error',
  'no-credit': 'claude_credit',
  'prompt-too-long': 'claude_prompt_too_long',
  'no-such-model': 'claude_model_unknown',
  'usage-limit': 'claude_usage_limit',
};
const failing: Record<string, string> = {
  ...refusedAtOnce,
  interrupted: 'claude_interrupted',
  'max-turns': 'claude_max_turns',
  'refused-twice': 'claude_refused',
  'output-limit': 'claude_output_limit',
  // There is no result line in these.
  'interrupted-tool': 'upstream_error',
  terminated: 'upstream_error',
  killed: 'upstream_error',
  'killed-at-start': 'upstream_error',
  'killed-in-tool': 'upstream_error',
};
const completing = recordingNames.filter((name) => !(name in failing));

it('there are recordings, and it is known how each ended', () => {
  expect(completing.length).toBeGreaterThan(5);
  expect(recordingNames.sort()).toEqual(Object.keys(recordedEndings()).sort());
});

it.each(completing)("the run %s is completed with the CLI's own result", async (name) => {
  const results = readRecording(name)
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'result');
  const result = results.at(-1);
  const { job, end, digestOk } = await run(name);
  expect(end).toMatchObject({ type: 'completed', text: result.result, evidence: 'complete-line' });
  // Each result speaks of its own part.
  const denied = results.flatMap(({ permission_denials }) => permission_denials);
  const named = (end.permissionDenials ?? []).map(({ toolUseId }) => toolUseId);
  expect(named).toEqual(denied.map(({ tool_use_id }) => tool_use_id));
  expect(end.turns).toBe(results.reduce((sum, { num_turns }) => sum + num_turns, 0));
  expect(job.answer()).toBe(result.result);
  expect(digestOk).toBe(true);
});

it.each(Object.entries(failing))('the run %s is failed with %s', async (name, code) => {
  const { job, end, digestOk } = await run(name);
  const nothingBegan = name in refusedAtOnce;
  expect(end).toMatchObject({ type: 'failed', error: { code, retrySafe: nothingBegan } });
  if (nothingBegan) expect(end).toMatchObject({ partial: false });
  const resetsAt = end.type === 'failed' ? end.error.resetsAt : undefined;
  expect(resetsAt).toBe(code === 'claude_usage_limit' ? 1795500000_000 : undefined);
  expect(digestOk).toBe(true);
  // What it had said is kept.
  if (name === 'killed' || name === 'terminated') expect(job.text()).toMatch(/^w0 w1 .*w20 $/);
});

it('a run that was retried says so', async () => {
  const { events } = await run('retried');
  expect(events.filter(({ type }) => type === 'throttled')).toHaveLength(1);
});

it('a run that the model refused is completed where its job asks for a report', async () => {
  const { end } = await run('refused-twice', { onRefusal: 'report' });
  expect(end).toMatchObject({ type: 'completed', stopReason: 'refusal' });
});

it('a run with a denied tool is failed where its job asks for that, and cc-executor run prints it and exits with 7', async () => {
  const child = runNode([main, 'run', '--url', stack.url(), '--on-denial', 'fail', 'denied-tool']);
  expect(await child.ended, child.stderr()).toEqual({ code: 7, signal: null });
  expect(child.stdout()).toContain('It was not allowed.');
  expect(child.stderr()).toMatch(/not allowed: Bash touch it-ran[\s\S]*claude_denied/);
});

it('a run whose job wants no messages of tools tells these by other events', async () => {
  const { events } = await run('failed-tool', { toolMessages: false });
  const told = events.filter(({ type }) => type === 'message' || type.startsWith('tool_'));
  expect(told).toMatchObject([
    { type: 'tool_started', name: 'Bash', input: { command: 'cat /nowhere; exit 3' } },
    { type: 'tool_ended', name: 'Bash', isError: true, text: expect.stringContaining('No such file') },
  ]);
  const [started, ended] = told as { toolUseId?: string }[];
  expect(ended?.toolUseId).toBe(started?.toolUseId);
});

it('lines of many megabytes come through: a tool’s output, and an answer', async () => {
  const [toolOutput, answer] = [nonce(2.5 * 1024 * 1024), nonce(1.5 * 1024 * 1024)];
  const lines = enlarge(readRecording('tool'), toolOutput, answer);
  expect(Math.max(...lines.map((line) => line.length))).toBeGreaterThan(5_000_000);
  writeFileSync(join(folder, 'large.jsonl'), lines.map((line) => `${line}\n`).join(''));
  const { job, events, end, digestOk } = await run('large');
  expect(end).toMatchObject({ type: 'completed', evidence: 'complete-line' });
  expect(digestOk).toBe(true);
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  expect(digest(job.answer())).toBe(digest(answer));
  const cut = events.find((event) => event.type === 'message' && event.truncated);
  expect(JSON.stringify(await client.eventBody(job.jobId, cut?.seq ?? 0)).includes(toolOutput)).toBe(true);
});
