/** Clocks and processes of an execution that is paused, or that does not end when it should. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Api,
  claudeEngine,
  isComplete,
  isDelta,
  type Line,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
} from './harness.ts';
import { areStill, heldProcessesOf, processesOf, untilProcesses } from './process-table.ts';

const isTick = (line: Line) => JSON.stringify(line).includes('tick ');

async function begin(api: Api, model: string) {
  const executionId = `pause-${randomUUID()}`;
  const lines = streamLines(await api.execute({ question: 'hello', model, executionId }));
  await readUntil(lines, isDelta);
  return { executionId, lines };
}

async function readPings(lines: AsyncGenerator<Line>, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) expect((await lines.next()).value).toEqual({ type: 'ping' });
}

describe.runIf(process.platform === 'linux')('a paused execution', () => {
  test('stands still as a whole, and goes on as a whole, as if no time had passed', async () => {
    const limits = { executionTimeoutMs: 3_000, pingMs: 50 };
    const api = await startApi(claudeEngine(), { limits });
    const { executionId, lines } = await begin(api, 'ticks');
    // What holds it together goes on.
    const held = () => heldProcessesOf(executionId);
    expect(await api.control(executionId, 'pause')).toBe(200);
    expect(held().length).toBeGreaterThanOrEqual(3);
    expect(areStill(held())).toBe(true);
    await readUntil(lines, (line) => line.type === 'paused');
    // Longer than the execution may take.
    await readPings(lines, 70);
    expect(areStill(held())).toBe(true);

    expect(await api.control(executionId, 'resume')).toBe(200);
    expect(held().filter(({ state }) => state === 'T')).toEqual([]);
    const rest = await Array.fromAsync(lines);
    expect(rest.filter(isTick).length).toBeGreaterThan(10);
    expect(rest.at(-1)).toMatchObject({ type: 'complete', status: 'success' });
    await untilProcesses(() => processesOf(executionId).length === 0);
  });

  test('can be cancelled, and nothing of it is left', async () => {
    const api = await startApi(claudeEngine({ stopGraceMs: 100 }));
    const { executionId, lines } = await begin(api, 'hangsWithChildren');
    await untilProcesses(() => processesOf(executionId).length >= 3);
    expect(await api.control(executionId, 'pause')).toBe(200);
    expect(await api.cancel(executionId)).toBe(202);
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled' });
    await untilProcesses(() => processesOf(executionId).length === 0);
  });

  test('does not stand still for ever, whatever has become of its worker; a pause that ended does not count', async () => {
    const api = await startApi(claudeEngine({ stopGraceMs: 100 }), { limits: { pausedTimeoutMs: 400 } });
    const { executionId, lines } = await begin(api, 'hangsWithChildren');
    await api.control(executionId, 'pause');
    await api.control(executionId, 'resume');
    await api.control(executionId, 'pause');
    const pausedAt = performance.now();
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'timeout' });
    expect(performance.now() - pausedAt).toBeGreaterThan(350);
    await untilProcesses(() => processesOf(executionId).length === 0);
  });

  test('that is killed from outside ends all the same', async () => {
    const api = await startApi(claudeEngine());
    const { executionId, lines } = await begin(api, 'hangsWithChildren');
    await api.control(executionId, 'pause');
    const cli = processesOf(executionId).find(({ parent }) => parent === process.pid);
    process.kill(cli!.pid, 'SIGKILL');
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'error' });
    await untilProcesses(() => processesOf(executionId).length === 0);
  });

  test('takes many changes at once in their order', async () => {
    const api = await startApi(claudeEngine());
    const { executionId, lines } = await begin(api, 'ticks');
    const asked = Array.from({ length: 20 }, (_, index) =>
      api.control(executionId, index % 2 === 0 ? 'pause' : 'resume'),
    );
    await Promise.all(asked);
    await api.control(executionId, 'resume');
    const rest = await Array.fromAsync(lines);
    const changes = rest.map((line) => line.type).filter((type) => type === 'paused' || type === 'resumed');
    expect(changes.length % 2).toBe(0);
    changes.forEach((type, index) => void expect(type).toBe(index % 2 === 0 ? 'paused' : 'resumed'));
    expect(rest.at(-1)).toMatchObject({ type: 'complete', status: 'success' });
  });

  test('there must be one', async () => {
    const api = await startApi(claudeEngine());
    expect(await api.control('nobody', 'pause')).toBe(404);
  });
});

describe.runIf(process.platform === 'linux')('the room of paused executions', () => {
  const limits = { maxExecutions: 1, maxPaused: 1 };

  test('is that of others, who end beside them; what goes on does so at once', async () => {
    const api = await startApi(claudeEngine(), { limits });
    const first = await begin(api, 'ticks');
    expect((await api.execute({ question: 'hello' })).status).toBe(429);
    expect(await api.control(first.executionId, 'pause')).toBe(200);
    expect(soleCompletion(await api.lines({ question: 'hello' }))).toMatchObject({ status: 'success' });
    const second = await begin(api, 'ticks');
    expect(await api.control(first.executionId, 'resume')).toBe(200);
    expect((await api.execute({ question: 'hello' })).status).toBe(429);
    for (const { lines } of [first, second]) {
      expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'success' });
    }
  });

  test('is bounded: a pause beyond it is refused, and the execution goes on', async () => {
    const api = await startApi(claudeEngine(), { limits });
    const first = await begin(api, 'ticks');
    await api.control(first.executionId, 'pause');
    const second = await begin(api, 'ticks');
    expect(await api.control(second.executionId, 'pause')).toBe(429);
    // Asked again, the one that is paused already is so.
    expect(await api.control(first.executionId, 'pause')).toBe(200);
    expect(await readUntil(second.lines, isComplete)).toMatchObject({ status: 'success' });
    const third = await begin(api, 'ticks');
    await api.cancel(first.executionId);
    await readUntil(first.lines, isComplete);
    expect(await api.control(third.executionId, 'pause')).toBe(200);
    await api.cancel(third.executionId);
  });
});

describe('Claude Code after its result', () => {
  test('is ended when it does not exit, and its answer stands', async () => {
    const api = await startApi(claudeEngine(), { limits: { exitGraceMs: 100 } });
    const complete = soleCompletion(await api.lines({ question: 'hello', model: 'lingers' }));
    expect(complete).toMatchObject({ status: 'success', bytes: 4 });
  });

  test('lives on while a task in the background puts something out, which is passed on; a cancel names the task', async () => {
    const limits = { exitGraceMs: 50, pingMs: 30 };
    const over = claudeEngine();
    const environment = { PATH: process.env.PATH, HOME: over.workDir };
    const api = await startApi(claudeEngine({ workDir: over.workDir, environment }), { limits });
    const executionId = `background-${randomUUID()}`;
    const question = { question: 'hello', model: 'hasBackground', executionId };
    const lines = streamLines(await api.execute(question));
    for (let seen = 0; seen < 3; seen += 1) {
      await readUntil(lines, ({ type }) => type === 'background_output');
    }
    await api.cancel(executionId);
    const background_tasks = [{ id: 'b', type: 'local_bash', description: 'builds' }];
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled', background_tasks });
  });

  test('that ends while tasks run in the background has not succeeded', async () => {
    const api = await startApi(claudeEngine());
    const complete = soleCompletion(await api.lines({ question: 'hello', model: 'leavesBackground' }));
    expect(complete).toMatchObject({ status: 'error', error: { code: 'claude_background' } });
    expect(complete.background_tasks).toEqual([{ id: 'b' }]);
  });

  test('may wait for what it does in the background, and take a further turn', async () => {
    const api = await startApi(claudeEngine(), { limits: { exitGraceMs: 300 } });
    const lines = await api.lines({ question: 'hello', model: 'turnsTwice' });
    expect(lines.filter((line) => line.type === 'result')).toHaveLength(2);
    expect(soleCompletion(lines)).toMatchObject({ status: 'success', exit_code: 0 });
  });
});
