/**
 * Nothing that an execution started outlives it, stands outside a pause, or escapes a cancel: also what cleared its
 * environment, left its session and lost its parent. For each way of holding processes together that this machine has.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { chooseTestRedis, needs } from '@cc-executor/testing';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Containment, findContainment } from '../src/containment.ts';
import { killTree } from '../src/killing.ts';
import { MARKER_VARIABLE } from '../src/process-table.ts';
import { createMarker } from '../src/process-tree.ts';
import {
  type Api,
  claudeEngine,
  isComplete,
  isDelta,
  leftFolders,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
  temporaryFolder,
} from './harness.ts';
import { areStill, cliOf, processesNamed, processesOf } from './process-table.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

const ways = [
  ['namespace', 'auto'],
  ['subreaper', 'off'],
] as const;

describe.runIf(process.platform === 'linux').for(ways)('held together by a %s', ([kind, mode]) => {
  let containment: Containment;

  beforeAll(() => {
    containment = findContainment(mode, process.env);
  });
  beforeEach(({ skip }) => skip(containment.kind !== kind, `This machine has only ${containment.detail}`));

  const engine = () => claudeEngine({ containment, stopGraceMs: 100 });

  async function beginEscape(api: Api) {
    const executionId = `escape-${randomUUID()}`;
    const name = `daemon-${randomUUID()}`;
    const question = `${name} hang`;
    const lines = streamLines(await api.execute({ question, model: 'escapes', executionId }));
    await readUntil(lines, isDelta);
    expect(processesNamed(name).length).toBeGreaterThan(0);
    return { executionId, lines, daemon: () => processesNamed(name) };
  }

  test('a daemon ends with the execution that started it', async () => {
    const over = engine();
    const api = await startApi(over);
    const name = `daemon-${randomUUID()}`;
    const complete = soleCompletion(await api.lines({ question: name, model: 'escapes' }));
    expect(processesNamed(name)).toEqual([]);
    expect(complete).toMatchObject({ status: 'success', exit_code: 0 });
    expect(leftFolders(over)).toEqual([]);
  });

  test('it is paused and goes on with it, and a cancel reaches it', async () => {
    const api = await startApi(engine());
    const { executionId, lines, daemon } = await beginEscape(api);
    expect(await api.control(executionId, 'pause')).toBe(200);
    expect(daemon().length).toBeGreaterThan(0);
    expect(areStill(daemon())).toBe(true);
    expect(await api.control(executionId, 'resume')).toBe(200);
    expect(daemon().length).toBeGreaterThan(0);
    expect(daemon().filter(({ state }) => state === 'T')).toEqual([]);
    expect(await api.control(executionId, 'pause')).toBe(200);
    await api.cancel(executionId);
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled' });
    expect(daemon()).toEqual([]);
    expect(processesOf(executionId)).toEqual([]);
  });

  test('the program that is killed while it is paused ends the execution, and all of it', async () => {
    const api = await startApi(engine());
    const { executionId, lines, daemon } = await beginEscape(api);
    await api.control(executionId, 'pause');
    process.kill(cliOf(executionId)!.pid, 'SIGKILL');
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'error', exit_code: null });
    expect(daemon()).toEqual([]);
  });

  test('what the Bash tool of the real Claude Code let loose is gone: a daemon, and a child of nobody', async (context) => {
    context.skip(realCli === undefined, MISSING);
    await needs('program')(context);
    const redis = await chooseTestRedis();
    if (!('program' in redis)) throw new Error(`the tests run on a Redis that is ${redis.kind}`);
    const socket = join(temporaryFolder(), 'socket');
    const orphan = `orphan-${randomUUID()}`;
    // It writes its address over its arguments.
    const daemon = `env -i ${redis.program.file} --daemonize yes --port 0 --unixsocket ${socket} --save ''`;
    const loop = 'echo up >&3; while :; do sleep 1; done';
    const twice = `(setsid env -i PATH="$PATH" sh -c 'trap "" INT TERM HUP; ${loop}' ${orphan} &) 3>up >/dev/null 2>&1`;
    const command = `${daemon} >/dev/null; ${twice}; until [ -S ${socket} ] && [ -s up ]; do sleep 0.05; done; cat up`;
    const { engine: real } = await realEngine({ containment });
    const api = await startApi(real);
    const lines = await api.lines({ question: `[[bash: ${command}]]`, allowedTools: ['Bash'] });
    expect(soleCompletion(lines)).toMatchObject({ status: 'success' });
    expect([socket, orphan].flatMap(processesNamed)).toEqual([]);
    const result = lines.find(({ type }) => type === 'result')?.result;
    expect(result).toBe('The output is:\nup');
  });
});

test.runIf(process.platform === 'linux')('a marker finds exactly the processes that carry it', async () => {
  const marker = createMarker('marked', randomUUID());
  const idle = ['-e', 'console.log(1); setInterval(() => {}, 1000)'];
  const [child, other] = ['', '-other'].map((suffix) =>
    spawn(process.execPath, idle, { env: { [MARKER_VARIABLE]: marker + suffix }, detached: true }),
  );
  await Promise.all([once(child!.stdout, 'data'), once(other!.stdout, 'data')]);
  const ended = once(child!, 'exit');
  await killTree(() => ({ marker, group: child!.pid!, holders: [child!.pid!] }));
  expect(child!.exitCode).toBeNull();
  await killTree(() => ({ marker, group: process.pid, holders: [process.pid] }));
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(other!.signalCode).toBeNull();
  other!.kill('SIGKILL');
});
