/** A used-up subscription in front of the real Claude Code: it is asked once, and not again before the reset. */
import { connectWire } from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type ClaudeStack, startClaudeStack } from './support/claude.ts';
import { RESTLESS } from './support/leftovers.ts';

const JOBS = 5;
const RESET_MS = 20_000;

const claude = inject('realClaude');
const isMissing = 'missing' in claude;
let stack: ClaudeStack;
/** Unix time in s, once the limit is met. */
let resetsAtSeconds: number | undefined;
const askedAt: number[] = [];

beforeAll(async () => {
  if (isMissing) return;
  stack = await startClaudeStack('real', {
    env: RESTLESS,
    // Of a subscription's limits Claude Code speaks to whoever is logged in to one.
    claudeEnv: { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-stand-in' },
    script() {
      askedAt.push(Date.now());
      resetsAtSeconds ??= Math.ceil((Date.now() + RESET_MS) / 1_000);
      if (Date.now() >= resetsAtSeconds * 1_000) return { text: 'Here I am again.' };
      const headers = {
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-ratelimit-unified-reset': String(resetsAtSeconds),
        'anthropic-ratelimit-unified-representative-claim': 'five_hour',
      };
      return { error: { status: 429, headers } };
    },
  });
});
beforeEach(({ skip }) => skip(isMissing, isMissing ? claude.missing : ''));
afterAll(() => stack?.close());

test('five jobs behind a limit: one meets it, none asks before the reset, all complete after, across a restart of the worker', async () => {
  const wire = await connectWire(stack.url());
  const execute = async () => (await wire.request('execute', { prompt: 'hello' })).result.jobId as string;
  const untilThrottled = (jobId: string) =>
    wire.until(({ params }) => params?.jobId === jobId && params.resetsAt !== undefined);
  const jobIds = [await execute()];
  await untilThrottled(jobIds[0]!);
  while (jobIds.length < JOBS) jobIds.push(await execute());
  await Promise.all(jobIds.map(untilThrottled));
  const resetsAt = resetsAtSeconds! * 1_000;
  const askedBefore = askedAt.length;
  for (const jobId of jobIds) {
    expect(wire.events(jobId).at(-1)).toMatchObject({ limit: 'five_hour', resetsAt, untilMs: resetsAt });
  }
  await stack.workers[0]?.stop();
  await stack.startWorker();
  for (const jobId of jobIds) {
    expect((await wire.untilTerminal(jobId)).at(-1)).toMatchObject({
      type: 'completed',
      text: 'Here I am again.',
    });
  }
  expect(askedAt.filter((time) => time < resetsAt)).toHaveLength(askedBefore);
  expect(askedAt.length - askedBefore).toBeGreaterThanOrEqual(JOBS);
  await wire.close();
});
