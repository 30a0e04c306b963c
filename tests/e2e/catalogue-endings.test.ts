/** The prototype's test catalogue, third part: cancelling and failures, through both doors. */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fixture, runNode } from './support/child.ts';
import { claudeKinds, startClaudeStack, useClaudeStack } from './support/claude.ts';
import { bothDoors, dialectDoor, doors, nativeDoor } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { descendants, isAlive, processesWith } from './support/processes.ts';

const GRACE_MS = 300;

/** Ten steps of which nobody waits for the last. */
const steps = (text: string) => `demo:${JSON.stringify({ text: `step ${text} `, repeat: 10, delayMs: 500 })}`;

describe('control', () => {
  let stack: Stack;
  let nothingLeft: () => Promise<void>;

  beforeAll(async () => {
    stack = await startStack({ env: { ...RESTLESS, GATEWAY_ABANDON_GRACE_MS: String(GRACE_MS) } });
    nothingLeft = watchLeftovers(stack);
  });
  afterAll(async () => {
    try {
      await nothingLeft();
    } finally {
      await stack.close();
    }
  });

  async function untilCancelledUpstream(jobId: string): Promise<void> {
    const { status } = await stack.claudeApi!.untilLog(
      (line) => line.event === 'execution_ended' && String(line.executionId).startsWith(jobId),
    );
    expect(status).toBe('cancelled');
  }

  it.each(doors)('CANCEL between timed steps ends in CANCELLED, through $name', async (door) => {
    const visitor = await door.connect(stack);
    const text = nonce();
    const task = await visitor.execute(steps(text));
    await task.untilText(text);
    await task.cancel();
    const ending = await task.ended;
    expect(ending.status).toBe('CANCELLED');
    expect(ending.text).toMatch(new RegExp(`^(step ${text} ){1,9}$`));
    await untilCancelledUpstream(await task.jobId());
    await visitor.close();
  });

  it.each([
    ['total', { totalMs: 400 }],
    ['idle', { idleMs: 400 }],
  ])('a job past its %s limit is timed_out, and keeps what it had put out', async (limit, timeouts) => {
    const text = nonce();
    const { wire, close } = await nativeDoor.connect(stack);
    const prompt = `demo:${JSON.stringify({ text, hang: true })}`;
    const { result } = await wire.request('execute', { prompt, timeouts });
    const events = await wire.untilTerminal(result.jobId);
    expect(events.at(-1)).toMatchObject({ type: 'timed_out', limit, partial: true });
    expect(events.flatMap((event) => (event.type === 'output' ? [event.text] : []))).toEqual([text]);
    await close();
  });

  it('the job of a client of the dialect that was killed is cancelled after the grace', async () => {
    const client = runNode([fixture('prototype-client.mjs'), stack.dialectUrl(), steps(nonce())]);
    const [, jobId] = await client.untilOutput(/RUNNING (job_\w+)/);
    const killedAt = Date.now();
    client.process.kill('SIGKILL');
    await client.ended;
    const { wire, close } = await nativeDoor.connect(stack);
    // Looking is not listening: an attachment would keep the job alive.
    await vi.waitFor(async () => {
      const { result } = await wire.request('get', { jobId });
      expect(result.terminal).toMatchObject({ type: 'cancelled', by: 'disconnect' });
      expect(result.endedAt - killedAt).toBeGreaterThanOrEqual(GRACE_MS - 50);
    }, 10_000);
    await untilCancelledUpstream(jobId!);
    await close();
  });
});

describe.each(claudeKinds)('processes of the %s CLI', (kind) => {
  const stack = useClaudeStack(kind, {
    env: { GATEWAY_ABANDON_GRACE_MS: String(GRACE_MS) },
    claudeEnv: { CLAUDE_STOP_GRACE_MS: '500' },
  });

  /** A shell with two sleeping children, one of them in a session of its own; found by their odd duration. */
  function sleepers() {
    const duration = `86400.${randomInt(1e9, 1e10)}`;
    const begun = join(stack().home, `begun-${nonce()}`);
    // Claude Code refuses commands that begin with a long sleep.
    const command = `s=sleep; $s ${duration} & setsid $s ${duration} & : > ${begun}; wait`;
    return {
      prompt: `Run this. [[bash: ${command}]]`,
      async untilAsleep(on = stack()): Promise<number[]> {
        // To look for a file costs nothing; to look through all processes does.
        await vi.waitFor(() => expect(existsSync(begun)).toBe(true), 20_000);
        await vi.waitFor(() => expect(sleepingPids(duration)).toHaveLength(2), {
          timeout: 10_000,
          interval: 200,
        });
        const pids = new Set([...descendants(on.claudeApi!.pid), ...processesWith(duration)]);
        pids.delete(process.pid);
        expect(pids.size).toBeGreaterThanOrEqual(4);
        return [...pids];
      },
    };
  }

  async function untilDead(pids: number[]): Promise<void> {
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 10_000);
  }

  // The real one takes its time: one run of it is looked at through both doors.
  const cancelled = kind === 'real' ? [bothDoors] : doors;

  it.each(cancelled)(
    'a cancelled parent with two sleeping children leaves none, through $name',
    async (door) => {
      const { prompt, untilAsleep } = sleepers();
      const visitor = await door.connect(stack());
      const task = await visitor.execute(prompt);
      const pids = await untilAsleep();
      await task.cancel();
      expect((await task.ended).status).toBe('CANCELLED');
      await untilDead(pids);
      await visitor.close();
    },
  );

  it('a job past its limit leaves none', async () => {
    const { prompt, untilAsleep } = sleepers();
    const { wire, close } = await nativeDoor.connect(stack());
    const { result } = await wire.request('execute', { prompt, timeouts: { idleMs: 3_000 } });
    const pids = await untilAsleep();
    expect((await wire.untilTerminal(result.jobId)).at(-1)).toMatchObject({
      type: 'timed_out',
      limit: 'idle',
    });
    await untilDead(pids);
    await close();
  });

  it('a client of the dialect that was killed leaves none after the grace', async () => {
    const { prompt, untilAsleep } = sleepers();
    const client = runNode([fixture('prototype-client.mjs'), stack().dialectUrl(), prompt]);
    await client.untilOutput(/RUNNING job_/);
    const pids = await untilAsleep();
    client.process.kill('SIGKILL');
    await untilDead(pids);
  });

  it("claude-api's own time-out ends the job as failed and leaves none", async () => {
    const { prompt, untilAsleep } = sleepers();
    const impatient = await startClaudeStack(kind, {
      env: RESTLESS,
      claudeEnv: { CLAUDE_EXECUTION_TIMEOUT_MS: '6000', CLAUDE_STOP_GRACE_MS: '300' },
    });
    try {
      const visitor = await dialectDoor.connect(impatient);
      const task = await visitor.execute(prompt);
      const pids = await untilAsleep(impatient);
      expect(await task.ended).toMatchObject({ status: 'FAILED', code: 'upstream_error' });
      await untilDead(pids);
      await visitor.close();
    } finally {
      await impatient.close();
    }
  });
});

function sleepingPids(duration: string): number[] {
  return processesWith(`sleep\0${duration}`);
}
