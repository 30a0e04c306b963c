/**
 * The real Claude Code under the whole product: gateway, worker, claude-api, the CLI, and behind it a stand-in for the
 * model's API. Found or fetched by the set-up; without it nothing here runs, and that is said. What was streamed is what stands
 * in Claude's own transcript on disk, and who changes the one or the other is found out.
 */
import { createHash, randomInt } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient, type JobHandle } from '@cc-executor/client';
import { emptyFold, foldEvents, foldedAnswer, foldedText, type JobEvent } from '@cc-executor/protocol';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Child, runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { shapeOf, startCollector } from './support/collector.ts';
import { dialectDoor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

const collector = await startCollector();
afterAll(() => collector.close());
const ownSpans = {
  CLAUDE_CODE_ENABLE_TELEMETRY: '1',
  CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1',
  OTEL_TRACES_EXPORTER: 'otlp',
};

const stack = useClaudeStack('real', {
  env: collector.env,
  claudeEnv: { CLAUDE_STOP_GRACE_MS: '500', ...collector.env, ...ownSpans },
});

function connect(): Client {
  const client = createClient({ url: stack().url() });
  onTestFinished(() => client.close());
  return client;
}

/** That what came of the job is what stands in Claude Code's own transcript. */
async function expectVerified(job: JobHandle): Promise<void> {
  const { executionId } = await job.done();
  expect(executionId).toBe(`${job.jobId}-1-1`);
  expect(await job.digestOk()).toBe(true);
  expect(await connect().verify(job.jobId)).toMatchObject({ verdict: 'verified', executionId });
}

describe('cc-executor run with the real Claude Code', () => {
  function run(prompt: string, ...options: string[]): Child {
    return runNode([main, 'run', '--url', stack().url(), ...options, prompt]);
  }

  async function eventsOfRun(exitCode: number, prompt: string): Promise<JobEvent[]> {
    const child = run(prompt, '--json');
    expect(await child.ended, child.stderr()).toEqual({ code: exitCode, signal: null });
    return child
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  /** What Claude Code itself wrote down of its conversations. */
  function transcript(): string {
    const projects = join(stack().home, '.claude', 'cc-executor');
    return readdirSync(projects, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n');
  }

  async function expectAuthoritative(events: JobEvent[], answer: string): Promise<void> {
    const fold = foldEvents(emptyFold, events);
    expect(foldedAnswer(fold)).toBe(answer);
    const sha256 = createHash('sha256').update(foldedText(fold)).digest('hex');
    expect(events.at(-1)).toMatchObject({
      type: 'completed',
      text: answer,
      evidence: 'complete-line',
      digest: { sha256, bytes: Buffer.byteLength(foldedText(fold)) },
    });
    await expectVerified(await connect().attach(events[0]!.jobId));
  }

  it('streams the answer while it is made', async () => {
    const [first, last] = [nonce(), nonce()];
    const child = run(`[[text: ${first} and then, at last, ${last}]] [[chunks: 2]] [[delay: 1500]]`);
    await child.untilOutput(new RegExp(first));
    expect(child.stdout()).not.toContain(last);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.stdout()).toBe(`${first} and then, at last, ${last}\n`);
    expect(child.stderr()).toContain('completed');
    expect(child.stderr()).not.toContain('DEMO');
  });

  it('shows a turn that uses the Bash tool, and the value that only the shell can have computed; Claude Code tells of it in the trace', async () => {
    const [a, b] = [randomInt(1e9), randomInt(1e6)];
    const [traceId, parent] = ['a'.repeat(32), 'b'.repeat(16)];
    const prompt = `Compute it. [[bash: echo "product=$((${a} * ${b}))"]]`;
    const child = run(prompt, '--traceparent', `00-${traceId}-${parent}-01`);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.stdout()).toBe(`The output is:\nproduct=${a * b}\n`);
    expect(child.stderr()).toContain(`⚒ Bash echo "product=$((${a} * ${b}))"`);
    const tree = await collector.untilTree(traceId, (spans) => {
      const names = new Set(spans.map(({ name }) => name));
      return names.has('job') && names.has('execution') && names.has('claude_code.interaction');
    });
    const shape = shapeOf(tree, parent);
    expect(shape).toContain('attempt > execution (claude-api)');
    expect(shape).toContain('execution > claude_code.interaction (claude-code)');
    expect(shape).toContain('claude_code.interaction > claude_code.tool (claude-code)');
  });

  it("tells what stands in Claude Code's own transcript, and nothing else, which is verified", async () => {
    const [a, b] = [randomInt(1e9), randomInt(1e6)];
    const events = await eventsOfRun(0, `Compute it. [[bash: echo "product=$((${a} * ${b}))"]]`);
    await expectAuthoritative(events, `The output is:\nproduct=${a * b}`);
    expect(events.find(({ type }) => type === 'started')).toMatchObject({ engine: 'claude' });
    const tools = JSON.stringify(events.filter(({ type }) => type === 'message'));
    const written = transcript();
    for (const text of [`"The output is:\\nproduct=${a * b}"`, `"product=${a * b}"`]) {
      expect(written).toContain(text);
    }
    expect(tools).toContain(`product=${a * b}`);
    const { conversation, turns, usage } = events.at(-1) as Extract<JobEvent, { type: 'completed' }>;
    expect(written).toContain(conversation);
    expect(turns).toBe(2);
    expect(usage).toMatchObject({ output_tokens: expect.any(Number) });
  });

  it("ends failed with claude_overloaded when the model's API stays overloaded", async () => {
    const events = await eventsOfRun(1, `${nonce()} [[status: 529]]`);
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'claude_overloaded' } });
    expect(events.some(({ type }) => type === 'output')).toBe(false);
  });

  it("gives the authoritative text, which is verified, when the model's connection drops in the middle of the stream", async () => {
    const answer = Array.from({ length: 20 }, () => nonce()).join(' ');
    const events = await eventsOfRun(
      0,
      `[[text: ${answer}]] [[chunks: 20]] [[delay: 100]] [[drop-after: 5]]`,
    );
    await expectAuthoritative(events, answer);
    // Else the drop was not seen here, and this test would show nothing.
    expect(events.some(({ type }) => type === 'reset')).toBe(true);
    expect(stack().model.requests.some(({ ending }) => ending === 'dropped')).toBe(true);
  });
});

describe('a job of the real Claude Code', () => {
  /** What the command says, and its exit code. */
  async function verifyByCommand(jobId: string) {
    const child = runNode([main, 'verify', '--url', stack().url(), jobId]);
    const { code } = await child.ended;
    return { code, said: child.stdout() };
  }

  /** Replaces a text in the first batch of the job's log that holds it; the returned function undoes it. */
  async function tamper(jobId: string, from: string, to: string): Promise<() => Promise<unknown>> {
    const { admin } = stack().redis;
    const key = `cce:{${jobId}}:log`;
    const entries = await admin.lrange(key, 0, -1);
    const index = entries.findIndex((entry) => entry.includes('"output"') && entry.includes(from));
    expect(index).toBeGreaterThan(0);
    await admin.lset(key, index, entries[index]!.replace(from, to));
    return () => admin.lset(key, index, entries[index]!);
  }

  it('whose answer is long and came after a retry is verified, by the command too, whichever door it came through', async () => {
    const visitor = await dialectDoor.connect(stack());
    onTestFinished(visitor.close);
    const task = await visitor.execute(`${nonce()} [[status: 529 1]] [[size: 300000]]`);
    expect((await task.ended).status).toBe('COMPLETED');
    const jobId = await task.jobId();
    await expectVerified(await connect().attach(jobId));
    const { code, said } = await verifyByCommand(jobId);
    expect(said).toContain('verified: ');
    expect(code).toBe(0);
  });

  it('whose log or transcript was changed afterwards is a mismatch of it, that of the log for the SDK as well', async () => {
    const said = nonce(4);
    const client = connect();
    const job = await client.execute({ prompt: `[[text: ${said}]]` });
    const { conversation } = await job.done();
    const { jobId } = job;
    const untampered = await tamper(jobId, said, nonce(4));
    expect(await client.verify(jobId)).toMatchObject({ verdict: 'mismatch', part: 'log' });
    const { code, said: words } = await verifyByCommand(jobId);
    expect([code, words]).toEqual([1, expect.stringContaining('mismatch log: ')]);
    const replayed = await connect().attach(jobId);
    expect(await replayed.digestOk()).toBe(false);
    const attached = runNode([main, 'attach', '--url', stack().url(), jobId]);
    expect(await attached.ended).toEqual({ code: 1, signal: null });

    await untampered();
    expect(await client.verify(jobId)).toMatchObject({ verdict: 'verified' });
    const projects = join(stack().home, '.claude', 'cc-executor');
    const name = readdirSync(projects, { recursive: true, encoding: 'utf8' }).find((path) =>
      path.endsWith(`${conversation}.jsonl`),
    );
    const file = join(projects, name!);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`"text":"${said}"`, `"text":"${nonce()}"`));
    expect(await client.verify(jobId)).toMatchObject({ verdict: 'mismatch', part: 'transcript' });
  });

  it.each(['cancelled', 'timed_out'])('that was %s amid its answer is never a mismatch', async (how) => {
    const client = connect();
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
