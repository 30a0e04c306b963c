/**
 * The prototype's "hallucination" test, made a feature: what was streamed is what stands in Claude's own transcript on
 * disk, and who changes the one or the other is found out.
 */
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient, type JobHandle } from '@cc-executor/client';
import { type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { dialectDoor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

function connect(stack: Stack): Client {
  const client = createClient({ url: stack.url() });
  onTestFinished(() => client.close());
  return client;
}

/** What the command says, and its exit code. */
async function verifyByCommand(stack: Stack, jobId: string) {
  const child = runNode([main, 'verify', '--url', stack.url(), jobId]);
  const { code } = await child.ended;
  return { code, said: child.stdout() };
}

describe('a job of the real Claude Code', () => {
  const stack = useClaudeStack('real', { claudeEnv: { CLAUDE_STOP_GRACE_MS: '500' } });

  async function run(prompt: string, client = connect(stack())): Promise<JobHandle> {
    const job = await client.execute({ prompt });
    await job.done();
    return job;
  }

  /** Replaces a text in the first batch of the job's log that holds it. */
  async function tamper(jobId: string, from: string, to: string): Promise<void> {
    const { admin } = stack().redis;
    const key = `cce:{${jobId}}:log`;
    const entries = await admin.lrange(key, 0, -1);
    const index = entries.findIndex((entry) => entry.includes('"output"') && entry.includes(from));
    expect(index).toBeGreaterThan(0);
    await admin.lset(key, index, entries[index]!.replace(from, to));
  }

  const prompts: Record<string, () => string> = {
    'a shell computed': () => `[[bash: echo $((${randomInt(1e9)} * ${randomInt(1e6)}))]]`,
    'is long': () => '[[size: 300000]]',
    'was begun anew': () => '[[drop-after: 5]] [[chunks: 20]]',
    'came after a retry': () => `${nonce()} [[status: 529 1]]`,
  };

  it.each(Object.entries(prompts))('whose answer %s is verified', async (_, prompt) => {
    const client = connect(stack());
    const job = await run(prompt(), client);
    expect(await job.digestOk()).toBe(true);
    const { executionId } = await job.done();
    expect(executionId).toBe(`${job.jobId}-1-1`);
    expect(await client.verify(job.jobId)).toMatchObject({ verdict: 'verified', executionId });
  });

  it('is verified by the command, too, whichever door it came through', async () => {
    const visitor = await dialectDoor.connect(stack());
    onTestFinished(visitor.close);
    const task = await visitor.execute(`[[text: ${nonce()}]]`);
    expect((await task.ended).status).toBe('COMPLETED');
    const { code, said } = await verifyByCommand(stack(), await task.jobId());
    expect(said).toContain('verified: ');
    expect(code).toBe(0);
  });

  it('whose log was changed afterwards is a mismatch of the log, for the SDK as well', async () => {
    const said = nonce(4);
    const client = connect(stack());
    const { jobId } = await run(`[[text: ${said}]]`, client);
    await tamper(jobId, said, nonce(4));
    expect(await client.verify(jobId)).toMatchObject({ verdict: 'mismatch', part: 'log' });
    const { code, said: words } = await verifyByCommand(stack(), jobId);
    expect([code, words]).toEqual([1, expect.stringContaining('mismatch log: ')]);
    const replayed = await connect(stack()).attach(jobId);
    expect(await replayed.digestOk()).toBe(false);
    const attached = runNode([main, 'attach', '--url', stack().url(), jobId]);
    expect(await attached.ended).toEqual({ code: 1, signal: null });
  });

  it('whose transcript was changed afterwards is a mismatch of the transcript', async () => {
    const said = nonce();
    const client = connect(stack());
    const job = await run(`[[text: ${said}]]`, client);
    const { conversation } = await job.done();
    const projects = join(stack().home, '.claude', 'cc-executor');
    const name = readdirSync(projects, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith(`${conversation}.jsonl`),
    );
    const file = join(projects, name!);
    const other = nonce();
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`"text":"${said}"`, `"text":"${other}"`));
    expect(await client.verify(job.jobId)).toMatchObject({ verdict: 'mismatch', part: 'transcript' });
  });

  it.each(['cancelled', 'timed_out'])('that was %s amid its answer is never a mismatch', async (how) => {
    const client = connect(stack());
    const answer = Array.from({ length: 400 }, () => nonce()).join(' ');
    const job = await client.execute({
      prompt: `[[bash: echo ${nonce()}]] [[text: ${answer}]] [[chunks: 400]] [[delay: 20]]`,
      timeouts: { totalMs: how === 'timed_out' ? 4_000 : 60_000 },
    });
    for await (const event of job.events()) if (event.type === 'output') break;
    if (how === 'cancelled') await job.cancel();
    expect((await job.done()).type).toBe(how);
    expect(await job.digestOk()).toBe(true);
    // The job ends before the last of its processes does.
    await stack().claudeApi?.untilLog(
      (line) => line.event === 'execution_ended' && line.executionId === `${job.jobId}-1-1`,
    );
    const found = await client.verify(job.jobId);
    if (found.verdict !== 'verified') expect(found).toMatchObject({ reason: 'cut_off' });
  });
});

describe('a job of the demo engine', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.close());

  it('cannot be verified, says why, and its text fits its digest all the same', async () => {
    const client = connect(stack);
    const job = await client.execute({ prompt: nonce() });
    expect(await job.digestOk()).toBe(true);
    expect(await client.verify(job.jobId)).toMatchObject({
      verdict: 'not_verifiable',
      reason: 'demo_engine',
    });
    const { code, said } = await verifyByCommand(stack, job.jobId);
    expect([code, said]).toEqual([6, expect.stringContaining('not_verifiable demo_engine: ')]);
  });

  it('cannot be verified while it runs', async () => {
    const client = connect(stack);
    const job = await client.execute({ prompt: 'demo:{"hang":true}' });
    expect(await client.verify(job.jobId)).toMatchObject({ verdict: 'not_verifiable', reason: 'not_ended' });
    await job.cancel();
    await job.done();
  });
});
