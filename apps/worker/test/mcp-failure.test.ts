import { expect, onTestFinished, test } from 'vitest';
import { mcpFailureOf } from '../src/mcp-failure.ts';
import { createBench, started } from './harness.ts';

const server = (name: string, status: string) => ({ name, status });
const session = (...mcpServers: { name: string; status: string }[]) => ({
  type: 'session' as const,
  sessionId: 's',
  mcpServers,
});
const fail = { onMcpFailure: 'fail' } as const;

test('servers that cannot be reached fail the job that asks for it, and are named', () => {
  const event = session(
    server('wiki', 'failed'),
    server('tickets', 'needs-auth'),
    server('files', 'connected'),
  );
  expect(mcpFailureOf(event, fail)).toMatchObject({
    code: 'claude_mcp_failed',
    message: 'MCP servers could not be reached: wiki (failed), tickets (needs-auth)',
  });
  expect(mcpFailureOf(event, {})).toBeUndefined();
});

test.each([
  [session(server('files', 'connected'), server('slow', 'pending'), server('off', 'disabled'))],
  [session()],
  [{ type: 'session' as const, sessionId: 's' }],
])('%o fails no job', (event) => {
  expect(mcpFailureOf(event, fail)).toBeUndefined();
});

test('the job ends without having asked the model, and the call is let go', async () => {
  const job = await createBench({
    spec: fail,
    scripts: [[[started, session(server('wiki', 'failed'))]]],
  });
  onTestFinished(job.close);
  expect((await job.process()).status).toBe('failed');
  expect(job.claudeApi.calls.map(({ ended }) => ended)).toEqual([true]);
  const events = await job.events();
  expect(events.map(({ type }) => type)).toEqual(['queued', 'started', 'failed']);
  expect(events.at(-1)).toMatchObject({
    error: { code: 'claude_mcp_failed', retrySafe: true },
    partial: false,
  });
});
