/**
 * What the real Claude Code starts and does not wait for: it counts as a part of the job, and nothing of it outlives the
 * job. From the client down to the stand-in for the model's API.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import { useClaudeStack } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';
import { processesWith } from './support/processes.ts';

const IDLE_MS = 3_000;

const KEY = `sk-ant-${nonce()}`;
/** Finds it, and not itself where it is looked for. */
const KEY_PATTERN = KEY.replace(/.$/, '[$&]');

const workspaces = mkdtempSync(join(tmpdir(), 'cc-executor-workspaces-'));
const keyFile = join(workspaces, '..', `cc-executor-key-${nonce()}`);
writeFileSync(keyFile, KEY, { mode: 0o600 });

const stack = useClaudeStack('real', {
  claudeEnv: {
    CLAUDE_PING_MS: '300ms',
    ANTHROPIC_API_KEY: KEY,
    CLAUDE_WORKSPACES_DIR: workspaces,
    CLAUDE_HIDDEN_PATHS: keyFile,
  },
});

afterAll(() => {
  for (const path of [workspaces, keyFile]) rmSync(path, { recursive: true, force: true });
});

/** Why nothing can be hidden here; undefined where it can. */
async function whyInSight(): Promise<string | undefined> {
  const ready = await (await fetch(`http://127.0.0.1:${stack().claudeApi!.ready.port}/ready`)).json();
  const { detail, data } = ready.checks.engine;
  if (data.sandboxGaps !== undefined) return `this machine cannot hide it: ${detail}`;
  expect(data.keyInReach).toBe(false);
}

describe('a command in the background of the real Claude Code', () => {
  async function run(command: string, timeouts: object): Promise<{ events: JobEvent[]; end: TerminalEvent }> {
    const { wire, close } = await nativeDoor.connect(stack());
    try {
      const input = JSON.stringify({ command, run_in_background: true, description: 'Works on' });
      const { result } = await wire.request('execute', { prompt: `[[tool: Bash ${input}]]`, timeouts });
      const events = await wire.untilTerminal(result.jobId);
      return { events, end: events.at(-1) as TerminalEvent };
    } finally {
      await close();
    }
  }

  /** With this argument a shell in the background can be found. */
  const named = (name: string, script: string) => `sh -c '${script}' ${name}`;

  it('that works for longer than idleMs is waited for, and the answer of the turn that follows is the result', async () => {
    const name = nonce();
    const steps = Math.ceil(IDLE_MS / 500) + 3;
    const script = `for step in $(seq ${steps}); do echo $step; sleep 0.5; done`;
    const { events, end } = await run(named(name, script), { idleMs: IDLE_MS });
    expect(end).toMatchObject({ type: 'completed', evidence: 'complete-line' });
    expect(end).not.toHaveProperty('backgroundTasks');
    // One answer when it had begun, one when it was done.
    expect(events.filter((event) => event.type === 'output' && event.begin === true)).toHaveLength(2);
    const told = JSON.stringify(stack().model.requests.at(-1)?.body);
    expect(told).toContain('completed (exit code 0)');
  });

  it.each([
    ['is silent for idleMs', 'sleep 300', { idleMs: IDLE_MS }, 'idle'],
    [
      'works for longer than totalMs',
      'while :; do echo on; sleep 0.5; done',
      { idleMs: IDLE_MS, totalMs: 4 * IDLE_MS },
      'total',
    ],
  ])(
    'that %s is ended with the job, which names it and is not completed',
    async (_what, script, timeouts, limit) => {
      const name = nonce();
      const { end } = await run(named(name, script), timeouts);
      const task = { id: expect.any(String), type: 'local_bash', description: 'Works on' };
      expect(end).toMatchObject({ type: 'timed_out', limit, backgroundTasks: [task] });
      await expect.poll(() => processesWith(name), { timeout: 10_000 }).toEqual([]);
    },
  );
});

describe('the key of the model', () => {
  it('is found by no tool: not in its environment, in files, or in /proc', async ({ skip }) => {
    const reason = await whyInSight();
    if (reason !== undefined) return skip(reason);
    const places = `"$HOME" "$PWD" "$TMPDIR" '${keyFile}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline`;
    const command = `
      key='${KEY_PATTERN}'
      echo "searched=$(cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -c ANTHROPIC_API_KEY=run-)"
      echo "found=$( (env; set) | grep -c "$key") $(grep -rlsa "$key" ${places})"`;
    const { wire, close } = await nativeDoor.connect(stack());
    const { result } = await wire.request('execute', { prompt: `[[bash: ${command}]]` });
    const end = (await wire.untilTerminal(result.jobId)).at(-1) as TerminalEvent;
    await close();
    expect(end).toMatchObject({ type: 'completed', text: expect.stringMatching(/found=0$/) });
    // Claude Code itself has a ticket, and where that lies was looked at.
    expect(end).toMatchObject({ text: expect.stringMatching(/searched=[1-9]/) });
  });
});

describe('another execution that runs at the same time', () => {
  it('is out of reach of a tool, which can neither read nor change what is its own', async ({ skip }) => {
    const reason = await whyInSight();
    if (reason !== undefined) return skip(reason);
    const secret = nonce();
    const theirs = join(workspaces, 'theirs');
    const { wire, close } = await nativeDoor.connect(stack());
    const keep = `printf %s ${secret} > secret; until [ -e over ]; do sleep 0.1; done; cat secret`;
    const { result: kept } = await wire.request('execute', {
      prompt: `[[bash: ${keep}]]`,
      workspace: 'theirs',
    });
    await expect.poll(() => existsSync(join(theirs, 'secret')), { timeout: 30_000 }).toBe(true);
    const pattern = secret.replace(/.$/, '[$&]');
    const hunt = `
      for folder in '${workspaces}' "$HOME/.claude" "$(dirname "$PWD")"; do umount "$folder"; done 2>/dev/null
      echo x > '${theirs}/secret'; touch '${theirs}/over'
      echo "searched=$(cat "$CLAUDE_CONFIG_DIR"/projects/*/*.jsonl | grep -c 'user')"
      echo "found=$(grep -rlsa '${pattern}' '${workspaces}' "$HOME" /proc/[0-9]*/environ | wc -l)"`;
    const { result } = await wire.request('execute', { prompt: `[[bash: ${hunt}]]`, workspace: 'mine' });
    const end = (await wire.untilTerminal(result.jobId)).at(-1) as TerminalEvent;
    // Its own transcript was looked at.
    expect(end).toMatchObject({
      type: 'completed',
      text: expect.stringMatching(/searched=[1-9]\d*\nfound=0/),
    });
    writeFileSync(join(theirs, 'over'), '');
    const other = (await wire.untilTerminal(kept.jobId)).at(-1) as TerminalEvent;
    expect(other).toMatchObject({ type: 'completed', text: expect.stringContaining(secret) });

    const { conversation } = other as { conversation?: string };
    const { result: again } = await wire.request('execute', { prompt: '[[bash: cat secret]]', conversation });
    const resumed = (await wire.untilTerminal(again.jobId)).at(-1) as TerminalEvent;
    await close();
    expect(resumed).toMatchObject({ type: 'completed', text: expect.stringContaining(secret) });
    expect(JSON.stringify(stack().model.requests.at(-1)?.body)).toContain('until [ -e over ]');
  });
});
