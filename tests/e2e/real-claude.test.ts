/**
 * The real Claude Code under the whole product: gateway, worker, claude-api, the CLI, and behind it a stand-in for the
 * model's API. Found or fetched by the set-up; without it nothing here runs, and that is said.
 */
import { createHash, randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyFold, foldEvents, foldedAnswer, foldedText, type JobEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { type Child, runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { nonce } from './support/nonce.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

describe('cc-executor run with the real Claude Code', () => {
  const stack = useClaudeStack('real');

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

  function expectAuthoritative(events: JobEvent[], answer: string): void {
    const fold = foldEvents(emptyFold, events);
    expect(foldedAnswer(fold)).toBe(answer);
    const sha256 = createHash('sha256').update(foldedText(fold)).digest('hex');
    expect(events.at(-1)).toMatchObject({
      type: 'completed',
      text: answer,
      evidence: 'complete-line',
      digest: { sha256, bytes: Buffer.byteLength(foldedText(fold)) },
    });
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

  it('shows a turn that uses the Bash tool, and the value that only the shell can have computed', async () => {
    const [a, b] = [randomInt(1e9), randomInt(1e6)];
    const child = run(`Compute it. [[bash: echo "product=$((${a} * ${b}))"]]`);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.stdout()).toBe(`The output is:\nproduct=${a * b}\n`);
    expect(child.stderr()).toContain(`⚒ Bash echo "product=$((${a} * ${b}))"`);
  });

  it("tells what stands in Claude Code's own transcript, and nothing else", async () => {
    const [a, b] = [randomInt(1e9), randomInt(1e6)];
    const events = await eventsOfRun(0, `Compute it. [[bash: echo "product=$((${a} * ${b}))"]]`);
    expectAuthoritative(events, `The output is:\nproduct=${a * b}`);
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

  it("gives the authoritative text when the model's connection drops in the middle of the stream", async () => {
    const answer = Array.from({ length: 20 }, () => nonce()).join(' ');
    const events = await eventsOfRun(
      0,
      `[[text: ${answer}]] [[chunks: 20]] [[delay: 100]] [[drop-after: 5]]`,
    );
    expectAuthoritative(events, answer);
    // Else the drop was not seen here, and this test would show nothing.
    expect(events.some(({ type }) => type === 'reset')).toBe(true);
    expect(stack().model.requests.some(({ ending }) => ending === 'dropped')).toBe(true);
  });
});
