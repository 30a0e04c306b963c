/**
 * The prototype's test catalogue, fourth part: PAUSE and RESUME, through both doors. That nothing comes out of a paused
 * job is seen in its events and in the positions of heartbeats, which are read from Redis.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobEvent } from '@cc-executor/protocol';
import { type Stack, startStack, type WireClient } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ClaudeStack, claudeKinds, useClaudeStack } from './support/claude.ts';
import { bothDoors, type Door, doors, nativeDoor, type Task } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { descendants, isAlive, isStopped, processesWith } from './support/processes.ts';

const HEARTBEAT_MS = 250;
const STEP_MS = 500;
/** Longer than three steps take. */
const SILENT_HEARTBEATS = 7;
const env = { ...RESTLESS, GATEWAY_HEARTBEAT_MS: String(HEARTBEAT_MS) };

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
  const positions = () =>
    wire.messages
      .slice(from)
      .filter(({ method }) => method === 'heartbeat')
      .flatMap(({ params }) => params.jobs.filter((job: { jobId: string }) => job.jobId === jobId));
  await wire.until(() => positions().length >= SILENT_HEARTBEATS);
  expect(positions()).toEqual(positions().map(() => ({ jobId, seq, status: 'running' })));
}

/** Ten timed steps, PAUSE, silence, RESUME, CANCEL: the end is CANCELLED. */
async function playControl(door: Door, stack: Stack, prompt: string, step: string): Promise<void> {
  const visitor = await door.connect(stack);
  const task = await visitor.execute(prompt);
  await task.untilText(step);
  const watcher = await watch(stack, task);
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
  let stack: Stack;
  let nothingLeft: () => Promise<void>;

  beforeAll(async () => {
    stack = await startStack({ env });
    nothingLeft = watchLeftovers(stack);
  });
  afterAll(async () => {
    try {
      await nothingLeft();
    } finally {
      await stack.close();
    }
  });

  const demo = (script: object) => `demo:${JSON.stringify(script)}`;

  it.each(doors)(
    'ten steps, PAUSE, silence, RESUME, CANCEL end in CANCELLED, through $name',
    async (door) => {
      const step = nonce();
      await playControl(door, stack, demo({ text: `step ${step} `, repeat: 10, delayMs: STEP_MS }), step);
    },
  );

  it.each(doors)(
    'a job that was paused and resumed completes with its whole answer, through $name',
    async (door) => {
      const visitor = await door.connect(stack);
      const text = nonce();
      const task = await visitor.execute(demo({ text, repeat: 10, delayMs: 50 }));
      await task.untilText(text);
      const watcher = await watch(stack, task);
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
    const { wire, close } = await nativeDoor.connect(stack);
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
    expect(waitedMs).toBeGreaterThanOrEqual(2_400);
    await close();
  });
});

describe.each(claudeKinds)('pausing the %s CLI', (kind) => {
  const stack = useClaudeStack(kind, { env, claudeEnv: { CLAUDE_STOP_GRACE_MS: '500' } });

  /** A command that counts in a file of its workspace, and how far it has come. */
  function ticking() {
    const file = `ticks-${nonce()}`;
    return {
      command: `i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo $i >> ${file}; sleep 0.1; done`,
      ticks: () => linesOf(stack(), file),
    };
  }

  // The real one takes its time: one run of it is looked at through both doors.
  const visited = kind === 'real' ? [bothDoors] : doors;

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
      const pids = descendants(stack().claudeApi!.pid).filter((pid) => !holders.includes(pid));
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
      await vi.waitFor(() => expect(descendants(stack().claudeApi!.pid)).toEqual([]), 10_000);
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

/** How many lines a file of this name has in the workspace of an execution. */
function linesOf({ home }: ClaudeStack, name: string): number {
  const work = join(home, 'work');
  const [file] = readdirSync(work)
    .map((folder) => join(work, folder, name))
    .filter((path) => existsSync(path));
  return file === undefined ? 0 : readFileSync(file, 'utf8').split('\n').length - 1;
}
