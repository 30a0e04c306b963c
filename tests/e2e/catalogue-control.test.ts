/**
 * The prototype's test catalogue, third part: cancelling, PAUSE and RESUME, and failures, through both doors. That nothing
 * comes out of a paused job is seen in its events and in the positions of heartbeats, which are read from Redis.
 */
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobEvent } from '@cc-executor/protocol';
import type { Stack, WireClient } from '@cc-executor/testing';
import { describe, expect, it, vi } from 'vitest';
import { fixture, runNode } from './support/child.ts';
import { type ClaudeStack, describeClaudeKinds, useClaudeStack } from './support/claude.ts';
import { bothDoors, type Door, dialectDoor, doors, nativeDoor, type Task } from './support/doors.ts';
import { nonce } from './support/nonce.ts';
import { executionProcesses, isAlive, isStopped, processesWith } from './support/processes.ts';
import { useStack } from './support/shared-stack.ts';

const GRACE_MS = 300;
const HEARTBEAT_MS = 250;
const STEP_MS = 500;
/** Longer than three steps take. */
const SILENT_HEARTBEATS = 7;
const env = {
  GATEWAY_ABANDON_GRACE_MS: String(GRACE_MS),
  GATEWAY_HEARTBEAT_MS: String(HEARTBEAT_MS),
};

const demo = (script: object) => `demo:${JSON.stringify(script)}`;

/** Ten steps of which nobody waits for the last. */
const steps = (text: string) => demo({ text: `step ${text} `, repeat: 10, delayMs: STEP_MS });

/** Somebody else who listens to the task, natively. */
async function watch(stack: Stack, task: Task) {
  const jobId = await task.jobId();
  const { wire, close } = await nativeDoor.connect(stack);
  await wire.request('attach', { jobId });
  const untilEvent = async (type: JobEvent['type'], afterSeq = 0): Promise<number> => {
    const { params } = await wire.until(
      ({ method, params: event }) => method === 'event' && event.type === type && event.seq > afterSeq,
    );
    return params.seq;
  };
  return { wire, close, jobId, untilEvent, events: () => wire.events(jobId) };
}

/** Waits for heartbeats that name the job, and expects the same position in all of them. */
async function expectSilence(wire: WireClient, jobId: string, seq: number): Promise<void> {
  const from = wire.messages.length;
  const told = () =>
    wire.messages
      .slice(from)
      .filter(({ method }) => method === 'heartbeat')
      .flatMap(({ params }) => params.jobs.filter((job: { jobId: string }) => job.jobId === jobId));
  // What Redis had answered just before the event comes behind it.
  const positions = () => told().slice(told()[0]?.seq < seq ? 1 : 0);
  await wire.until(() => positions().length >= SILENT_HEARTBEATS);
  expect(positions()).toEqual(positions().map(() => ({ jobId, seq, status: 'running' })));
}

/** Ten timed steps, PAUSE, silence, RESUME, CANCEL: the end is CANCELLED. */
async function playControl(door: Door, stack: Stack, prompt: string, step: string): Promise<void> {
  const visitor = await door.connect(stack);
  const task = await visitor.execute(prompt);
  const watcher = await watch(stack, task);
  await task.untilText(step);
  await task.pause();
  const pausedSeq = await watcher.untilEvent('paused');
  await expectSilence(watcher.wire, watcher.jobId, pausedSeq);
  await task.resume();
  const resumedSeq = await watcher.untilEvent('resumed');
  await watcher.untilEvent('output', resumedSeq);
  await task.cancel();
  const { status, text } = await task.ended;
  expect(status).toBe('CANCELLED');
  const events = await watcher.wire.untilTerminal(watcher.jobId);
  expect(resumedSeq).toBe(pausedSeq + 1);
  expect(events.at(-1)).toMatchObject({ type: 'cancelled', by: 'client', partial: true });
  const steps = text.match(new RegExp(step, 'g')) ?? [];
  expect(steps.length).toBeGreaterThanOrEqual(2);
  expect(steps.length).toBeLessThan(10);
  await watcher.close();
  await visitor.close();
}

describe('control with the demo engine', () => {
  const stack = useStack({ env });

  async function untilCancelledUpstream(jobId: string): Promise<void> {
    const { status } = await stack().claudeApi!.untilLog(
      (line) => line.event === 'execution_ended' && String(line.executionId).startsWith(jobId),
    );
    expect(status).toBe('cancelled');
  }

  it.each(doors)('CANCEL between timed steps ends in CANCELLED, through $name', async (door) => {
    const visitor = await door.connect(stack());
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
    ['total', { totalMs: 1_500 }],
    ['idle', { idleMs: 400 }],
  ])('a job past its %s limit is timed_out, and keeps what it had put out', async (limit, timeouts) => {
    const text = nonce();
    const { wire, close } = await nativeDoor.connect(stack());
    const prompt = demo({ text, hang: true });
    const { result } = await wire.request('execute', { prompt, timeouts });
    const events = await wire.untilTerminal(result.jobId);
    expect(events.at(-1)).toMatchObject({ type: 'timed_out', limit, partial: true });
    expect(events.flatMap((event) => (event.type === 'output' ? [event.text] : []))).toEqual([text]);
    await close();
  });

  it('the job of a client of the dialect that was killed is cancelled after the grace', async () => {
    const client = runNode([fixture('prototype-client.mjs'), stack().dialectUrl(), steps(nonce())]);
    const [, jobId] = await client.untilOutput(/RUNNING (job_\w+)/);
    const killedAt = Date.now();
    client.process.kill('SIGKILL');
    await client.ended;
    const { wire, close } = await nativeDoor.connect(stack());
    // Looking is not listening: an attachment would keep the job alive.
    await vi.waitFor(async () => {
      const { result } = await wire.request('get', { jobId });
      expect(result.terminal).toMatchObject({ type: 'cancelled', by: 'disconnect' });
      expect(result.endedAt - killedAt).toBeGreaterThanOrEqual(GRACE_MS - 50);
    }, 10_000);
    await untilCancelledUpstream(jobId!);
    await close();
  });

  it.each(doors)(
    'ten steps, PAUSE, silence, RESUME, CANCEL end in CANCELLED, through $name',
    async (door) => {
      const step = nonce();
      await playControl(door, stack(), steps(step), step);
    },
  );

  it.each(doors)(
    'a job that was paused and resumed completes with its whole answer, through $name',
    async (door) => {
      const visitor = await door.connect(stack());
      const text = nonce();
      const task = await visitor.execute(demo({ text, repeat: 10, delayMs: 150 }));
      const watcher = await watch(stack(), task);
      await task.untilText(text);
      await task.pause();
      const pausedSeq = await watcher.untilEvent('paused');
      await expectSilence(watcher.wire, watcher.jobId, pausedSeq);
      await task.resume();
      expect(await task.ended).toMatchObject({ status: 'COMPLETED', text: text.repeat(10) });
      await watcher.close();
      await visitor.close();
    },
  );

  it('a paused job is past none of its limits, and ends when the pause is too long', async () => {
    const { wire, close } = await nativeDoor.connect(stack());
    const timeouts = { idleMs: 400, totalMs: 1_500, pausedMs: 2_500 };
    const prompt = demo({ text: 'x ', repeat: 100, delayMs: 100 });
    const { result } = await wire.request('execute', { prompt, timeouts });
    const { jobId } = result;
    await wire.until(({ params }) => params?.type === 'output');
    expect((await wire.request('pause', { jobId })).result).toEqual({ status: 'running', accepted: true });
    const events = await wire.untilTerminal(jobId);
    expect(events.at(-1)).toMatchObject({ type: 'timed_out', limit: 'paused', partial: true });
    expect(events.at(-2)).toMatchObject({ type: 'paused', limitMs: 2_500 });
    const waitedMs = (events.at(-1)?.time ?? 0) - (events.at(-2)?.time ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(2_490);
    await close();
  });
});

/** A shell with two sleeping children, one of them in a session of its own; found by their odd duration. */
function sleepers({ home, claudeApi }: ClaudeStack) {
  const duration = `86400.${randomInt(1e9, 1e10)}`;
  const begun = join(home, `begun-${nonce()}`);
  // Claude Code refuses commands that begin with a long sleep.
  const command = `s=sleep; $s ${duration} & setsid $s ${duration} & : > ${begun}; wait`;
  return {
    prompt: `Run this. [[bash: ${command}]]`,
    async untilAsleep(): Promise<number[]> {
      // To look for a file costs nothing; to look through all processes does.
      await vi.waitFor(() => expect(existsSync(begun)).toBe(true), 20_000);
      await vi.waitFor(() => expect(sleepingPids(duration)).toHaveLength(2), {
        timeout: 10_000,
        interval: 200,
      });
      const pids = new Set([...executionProcesses(claudeApi!.pid), ...processesWith(duration)]);
      pids.delete(process.pid);
      expect(pids.size).toBeGreaterThanOrEqual(4);
      return [...pids];
    },
  };
}

async function untilDead(pids: number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 10_000);
}

const claudeEnv = { CLAUDE_STOP_GRACE_MS: '500' };

describeClaudeKinds('control of processes', { env, claudeEnv }, (kind, stack) => {
  // The real one takes its time: one run of it is looked at through both doors.
  const visited = kind === 'real' ? [bothDoors] : doors;

  it.each(visited)(
    'a cancelled parent with two sleeping children leaves none, through $name',
    async (door) => {
      const { prompt, untilAsleep } = sleepers(stack());
      const visitor = await door.connect(stack());
      const task = await visitor.execute(prompt);
      const pids = await untilAsleep();
      await task.cancel();
      expect((await task.ended).status).toBe('CANCELLED');
      await untilDead(pids);
      await visitor.close();
    },
  );

  // For Claude Code these are a cancel, which it is shown with above.
  if (kind === 'fixture') {
    it('a job past its limit leaves none', async () => {
      const { prompt, untilAsleep } = sleepers(stack());
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
      const { prompt, untilAsleep } = sleepers(stack());
      const client = runNode([fixture('prototype-client.mjs'), stack().dialectUrl(), prompt]);
      await client.untilOutput(/RUNNING job_/);
      const pids = await untilAsleep();
      client.process.kill('SIGKILL');
      await untilDead(pids);
    });
  }

  /** A command that counts in a file of its workspace, and how far it has come. */
  function ticking() {
    const file = `ticks-${nonce()}`;
    return {
      command: `i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo $i >> ${file}; sleep 0.1; done`,
      ticks: () => linesOf(stack(), file),
    };
  }

  it.each(visited)(
    'ten steps of a tool, PAUSE, silence, RESUME, CANCEL leave no process, through $name',
    async (door) => {
      const visitor = await door.connect(stack());
      const { command, ticks } = ticking();
      const task = await visitor.execute(`Count. [[bash: ${command}]]`);
      await vi.waitFor(() => expect(ticks()).toBeGreaterThanOrEqual(3), 20_000);
      const watcher = await watch(stack(), task);
      // What holds the others together goes on.
      const holders = processesWith('cc-executor-supervisor');
      const pids = executionProcesses(stack().claudeApi!.pid).filter((pid) => !holders.includes(pid));
      expect(pids.length).toBeGreaterThanOrEqual(2);

      await task.pause();
      const pausedSeq = await watcher.untilEvent('paused');
      // The kernel has taken the signals; each process stops at its next step.
      const living = () => pids.filter(isAlive);
      await vi.waitFor(() => expect(living().filter((pid) => !isStopped(pid))).toEqual([]), 5_000);
      const counted = ticks();
      await expectSilence(watcher.wire, watcher.jobId, pausedSeq);
      expect(ticks()).toBe(counted);

      await task.resume();
      expect(await watcher.untilEvent('resumed')).toBe(pausedSeq + 1);
      await vi.waitFor(() => expect(ticks()).toBeGreaterThan(counted), 10_000);
      await task.pause();
      await watcher.untilEvent('paused', pausedSeq);
      // A paused one is cancelled like any other.
      await task.cancel();
      expect((await task.ended).status).toBe('CANCELLED');
      await vi.waitFor(() => expect(executionProcesses(stack().claudeApi!.pid)).toEqual([]), 10_000);
      await watcher.close();
      await visitor.close();
    },
  );

  it('a job that is paused right behind its execute stands still before it has answered', async () => {
    const { wire, close } = await nativeDoor.connect(stack());
    const text = nonce();
    const prompt = `Say it. [[bash: s=sleep; $s 1; echo ${text}]]`;
    const { jobId } = (await wire.request('execute', { prompt })).result;
    expect((await wire.request('pause', { jobId })).result).toMatchObject({ accepted: true });
    await wire.until(({ params }) => params?.type === 'paused');
    expect(wire.events(jobId).some(({ type }) => type === 'output')).toBe(false);
    await wire.request('resume', { jobId });
    const [end] = (await wire.untilTerminal(jobId)).slice(-1);
    expect(end).toMatchObject({ type: 'completed', text: expect.stringContaining(text) });
    await close();
  });

  if (kind === 'real') {
    it.each(visited)('what the model says waits for RESUME, through $name', async (door) => {
      const step = nonce();
      const text = Array.from({ length: 10 }, (_, i) => `${i} ${step}`).join(' and ');
      await playControl(door, stack(), `[[text: ${text}]] [[chunks: 10]] [[delay: ${STEP_MS}]]`, step);
    });
  }
});

/** The children have to be there before. */
const impatient = { CLAUDE_EXECUTION_TIMEOUT_MS: '12000', CLAUDE_STOP_GRACE_MS: '300' };

// For Claude Code it is a cancel, too.
describe("claude-api's own time-out", () => {
  const stack = useClaudeStack('fixture', { claudeEnv: impatient });

  it('ends the job as failed and leaves none', async () => {
    const { prompt, untilAsleep } = sleepers(stack());
    const visitor = await dialectDoor.connect(stack());
    const task = await visitor.execute(prompt);
    const pids = await untilAsleep();
    expect(await task.ended).toMatchObject({ status: 'FAILED', code: 'upstream_error' });
    await untilDead(pids);
    await visitor.close();
  });
});

function sleepingPids(duration: string): number[] {
  return processesWith(`sleep\0${duration}`);
}

/** How many lines a file of this name has in the workspace of an execution. */
function linesOf({ home }: ClaudeStack, name: string): number {
  const work = join(home, 'work');
  const [file] = readdirSync(work)
    .map((folder) => join(work, folder, name))
    .filter((path) => existsSync(path));
  return file === undefined ? 0 : readFileSync(file, 'utf8').split('\n').length - 1;
}
