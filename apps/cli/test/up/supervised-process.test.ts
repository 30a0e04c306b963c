import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { RestartLimits } from '../../src/up/restart-policy.ts';
import { type Death, type SupervisedProcess, superviseProcess } from '../../src/up/supervised-process.ts';
import { holdConnection } from './network.ts';
import { createRecording, type Recording } from './recording.ts';

const script = fileURLToPath(new URL('./fixtures/child.mjs', import.meta.url));
const limits: RestartLimits = { baseMs: 10, maxMs: 40, healthyMs: 60_000, loudAfter: 3 };

let supervised: SupervisedProcess | undefined;
afterEach(async () => {
  supervised?.kill();
  await supervised?.stop();
});

type Started = {
  process: SupervisedProcess;
  recording: Recording;
  deaths: Death[];
};

function start(words: readonly string[] = [], options: { graceMs?: number; command?: string } = {}): Started {
  const recording = createRecording();
  const deaths: Death[] = [];
  const started = superviseProcess(
    {
      name: 'child',
      command: options.command ?? process.execPath,
      args: [script, '0', ...words],
      env: process.env,
      graceMs: options.graceMs ?? 10_000,
    },
    {
      onStart: (pid) => recording.add(`started ${pid}`),
      onLine: recording.add,
      onDeath(death) {
        deaths.push(death);
        recording.add(`death ${deaths.length}: ${death.reason}`);
        return 'restart';
      },
    },
    limits,
  );
  supervised = started;
  started.start();
  return { process: started, recording, deaths };
}

async function die(recording: Recording, index: number): Promise<void> {
  const listening = recording.lines.filter((line) => line.startsWith('listening'))[index];
  const port = listening?.split(' ')[2];
  // The child exits in the middle of the request.
  await fetch(`http://127.0.0.1:${port}/die?code=${index + 3}`).catch(() => {});
}

test('a child that dies is reported and started again', async () => {
  const { recording, deaths } = start();
  await recording.waitFor(/^listening/);
  await die(recording, 0);
  await recording.waitFor(/^death 1/);
  expect(deaths[0]).toEqual({
    reason: 'exit code 3',
    code: 3,
    quickDeaths: 1,
    restartInMs: 10,
    loud: false,
  });
  const [firstPid] = recording.lines.filter((line) => line.startsWith('started'));
  await recording.waitFor(new RegExp(`^started (?!${firstPid?.split(' ')[1]}$)`));
});

test('a child killed by a signal is reported with the signal', async () => {
  const { recording } = start();
  const [, pid] = await recording.waitFor(/^listening (\d+)/);
  process.kill(Number(pid), 'SIGKILL');
  expect((await recording.waitFor(/^death 1: (.*)/))[1]).toBe('SIGKILL');
});

test('a child that keeps dying is started again and again, and reported loudly', async () => {
  const { recording, deaths } = start(['broken']);
  await recording.waitFor(/^death 5/);
  expect(deaths.slice(0, 5).map(({ restartInMs, loud }) => ({ restartInMs, loud }))).toEqual([
    { restartInMs: 10, loud: false },
    { restartInMs: 20, loud: false },
    { restartInMs: 40, loud: true },
    { restartInMs: 40, loud: true },
    { restartInMs: 40, loud: true },
  ]);
});

test('a program that does not exist is a death with a reason', async () => {
  const { recording } = start([], { command: '/nowhere/node' });
  expect((await recording.waitFor(/^death 1: (.*)/))[1]).toMatch(/cannot be started.*ENOENT/);
});

test('stop sends SIGTERM, is no death, and starts nothing again', async () => {
  const { process: child, recording, deaths } = start();
  await recording.waitFor(/^listening/);
  expect(child.isAlive()).toBe(true);
  expect(await Promise.all([child.stop(), child.stop()])).toEqual(['stopped', 'stopped']);
  expect(child.isAlive()).toBe(false);
  expect(recording.lines.slice(2)).toEqual(['got SIGTERM']);
  expect(deaths).toEqual([]);
});

test('a child that ignores SIGTERM is killed after its grace', async () => {
  const { process: child, recording } = start(['stubborn'], { graceMs: 100 });
  await recording.waitFor(/^listening/);
  expect(await child.stop()).toBe('killed');
  expect(recording.lines).toContain('got SIGTERM');
});

test('kill ends a child that is being stopped at once', async () => {
  const { process: child, recording } = start(['stubborn'], { graceMs: 600_000 });
  await recording.waitFor(/^listening/);
  const stopped = child.stop();
  await recording.waitFor(/^got SIGTERM/);
  child.kill();
  expect(await stopped).toBe('killed');
});

test('stop during the wait before a restart ends the wait', async () => {
  const { process: child, recording } = start(['broken']);
  await recording.waitFor(/^death 3/);
  expect(await child.stop()).toBe('stopped');
  const count = recording.lines.length;
  expect(await child.stop()).toBe('stopped');
  expect(recording.lines.length).toBe(count);
});

test('what a dead child leaves in its process group dies with it', async () => {
  const { process: child, recording } = start(['parent']);
  await recording.waitFor(/^listening/);
  const [, ownPid] = await recording.waitFor(/^started (\d+)/);
  const [, port] = await recording.waitFor(new RegExp(`^listening (?!${ownPid} )\\d+ (\\d+)`));
  const { ended } = await holdConnection(Number(port));
  await child.stop();
  await ended;
});
