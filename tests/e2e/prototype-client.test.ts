/** A client written for the prototype, as a process of its own, runs unchanged against `/ws/mcp`. */
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fixture, runNode } from './support/child.ts';
import { claudeKinds, useClaudeStack } from './support/claude.ts';
import { nonce } from './support/nonce.ts';

describe.each(claudeKinds)("the prototype's client with the %s CLI", (kind) => {
  const stack = useClaudeStack(kind);

  function runClient(...commands: string[]) {
    return runNode([fixture('prototype-client.mjs'), stack().dialectUrl(), ...commands]);
  }

  function reportsOf(stdout: string): { text: string; statuses: string[] }[] {
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('finds the computed value in the output, and its COMPLETED', async () => {
    const [a, b] = [randomInt(1e6), randomInt(1e6)];
    const client = runClient(`Compute it with the shell. [[bash: echo "result: $((${a} * ${b}))"]]`);
    expect(await client.ended).toEqual({ code: 0, signal: null });
    const [report] = reportsOf(client.stdout());
    expect(report?.text).toContain(`result: ${a * b}`);
    expect(report?.statuses.at(0)).toBe('RUNNING');
    expect(report?.statuses.filter((status) => status !== 'RUNNING')).toEqual(['COMPLETED']);
    expect(client.stderr()).not.toContain('error');
  });

  it('runs one command after another on one connection', async () => {
    const texts = [nonce(), nonce(), nonce()];
    const client = runClient(...texts.map((text) => `Say it. [[text: ${text}]]`));
    expect(await client.ended).toEqual({ code: 0, signal: null });
    expect(reportsOf(client.stdout()).map(({ text }) => text)).toEqual(texts);
  });
});
