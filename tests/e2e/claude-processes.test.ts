/**
 * What the real Claude Code starts and does not wait for: it counts as a part of the job, and nothing of it outlives the
 * job. From the client down to the stand-in for the model's API.
 */
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { useClaudeStack } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';
import { processesWith } from './support/processes.ts';

const IDLE_MS = 3_000;

const KEY = `sk-ant-${nonce()}`;
/** Finds it, and not itself where it is looked for. */
const KEY_PATTERN = KEY.replace(/.$/, '[$&]');

const stack = useClaudeStack('real', {
  claudeEnv: { CLAUDE_PING_MS: '300ms', ANTHROPIC_API_KEY: KEY },
});

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
      { idleMs: IDLE_MS, totalMs: 2 * IDLE_MS },
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
    const ready = await (await fetch(`http://127.0.0.1:${stack().claudeApi!.ready.port}/ready`)).json();
    const { detail, data } = ready.checks.engine;
    if (data.containment !== 'namespace') return skip(`this machine cannot hide it: ${detail}`);
    expect(data.keyInReach).toBe(false);
    const places = '"$HOME" "$PWD" "$TMPDIR" /proc/[0-9]*/environ /proc/[0-9]*/cmdline';
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
