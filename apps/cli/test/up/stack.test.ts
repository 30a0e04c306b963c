import { fileURLToPath } from 'node:url';
import { freePort } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';
import { type ProbeResult, probeHttp } from '../../src/up/probes.ts';
import type { RestartLimits } from '../../src/up/restart-policy.ts';
import { runStack, type Service } from '../../src/up/stack.ts';
import { UpError } from '../../src/up/up-error.ts';
import { isRefused } from './network.ts';
import { createRecording } from './recording.ts';

const script = fileURLToPath(new URL('./fixtures/child.mjs', import.meta.url));
const limits: RestartLimits = { baseMs: 10, maxMs: 40, healthyMs: 60_000, loudAfter: 5 };

type Wanted = {
  name: string;
  start?: number;
  stop?: number;
  words?: readonly string[];
};

let end: (() => Promise<void>) | undefined;
afterEach(() => end?.());

async function run(wanted: readonly Wanted[], readyTimeoutMs = 15_000) {
  const recording = createRecording();
  const stop = new AbortController();
  const kill = new AbortController();
  const ports: Record<string, number> = {};
  const services: Service[] = [];
  for (const { name, start = 0, stop: stopRank = 0, words = [] } of wanted) {
    const port = await freePort();
    ports[name] = port;
    services.push({
      process: {
        name,
        command: process.execPath,
        args: [script, String(port), ...words],
        env: process.env,
        graceMs: 60_000,
      },
      probe: probeHttp(`http://127.0.0.1:${port}`),
      startRank: start,
      stopRank,
    });
  }
  const ready = Promise.withResolvers<ReadonlyMap<string, ProbeResult>>();
  const finished = runStack({
    services,
    reporter: recording.reporter,
    readyTimeoutMs,
    stop: stop.signal,
    kill: kill.signal,
    onReady: ready.resolve,
    limits,
  });
  // Awaited by the test; a rejection before that must not count as unhandled.
  finished.catch(() => {});
  end = async () => {
    stop.abort();
    kill.abort();
    await finished.catch(() => {});
    for (const port of Object.values(ports)) expect(await isRefused(port)).toBe(true);
  };
  return { recording, ports, stop, kill, finished, ready: ready.promise };
}

function indexOf(lines: readonly string[], start: string): number {
  const index = lines.findIndex((line) => line.startsWith(start));
  expect(index, `a line '${start}'`).toBeGreaterThanOrEqual(0);
  return index;
}

test('a service starts when those of lower ranks are ready, and each readiness is reported', async () => {
  const { recording, ready } = await run([
    { name: 'late', start: 1 },
    { name: 'early', start: 0 },
  ]);
  expect([...(await ready).keys()].sort()).toEqual(['early', 'late']);
  const { lines } = recording;
  expect(indexOf(lines, 'up: early is ready')).toBeLessThan(indexOf(lines, 'late: listening'));
  expect(lines).toContain('up: late is ready');
});

test('stopping goes by rank: one is dead before the next hears of it', async () => {
  const { recording, ready, stop, finished } = await run([
    { name: 'store', stop: 2 },
    { name: 'door', stop: 0 },
    { name: 'hand', stop: 1 },
  ]);
  await ready;
  stop.abort();
  await finished;
  const stops = recording.lines.filter((line) => /stopping|SIGTERM/.test(line));
  expect(stops).toEqual([
    'up: stopping door',
    'door: got SIGTERM',
    'up: stopping hand',
    'hand: got SIGTERM',
    'up: stopping store',
    'store: got SIGTERM',
  ]);
});

test('a service that dies later is started again and reported as back', async () => {
  const { recording, ready, ports } = await run([{ name: 'hand' }]);
  await ready;
  await fetch(`http://127.0.0.1:${ports.hand}/die?code=9`).catch(() => {});
  await recording.waitFor(/^up: hand is back/);
  expect(recording.lines).toContain('up! hand died (exit code 9); starting it again in 0.01 s');
});

test('a service that does not get ready ends the start with what its /ready said, and nothing is left', async () => {
  const { finished, recording } = await run([{ name: 'good' }, { name: 'sick', words: ['unready'] }], 1_000);
  await expect(finished).rejects.toThrow(UpError);
  await expect(finished).rejects.toThrow(/^sick is not ready after 1 s: login: not logged in$/);
  expect(recording.lines).toContain('good: got SIGTERM');
});

test('a service with a faulty configuration ends the start at once', async () => {
  const { finished, recording } = await run([{ name: 'odd', words: ['misconfigured'] }]);
  await expect(finished).rejects.toThrow(/^odd cannot start \(exit code 78\)/);
  expect(recording.lines.filter((line) => line.includes('odd died'))).toEqual([]);
});

test('a service that dies again and again before it is ready ends the start', async () => {
  const { finished, recording } = await run([{ name: 'odd', words: ['broken'] }]);
  await expect(finished).rejects.toThrow(/^odd cannot start \(exit code 1\)/);
  expect(recording.lines.filter((line) => line.startsWith('up! odd died'))).toHaveLength(2);
});

test('a stop while services are starting stops them and is no failure', async () => {
  const { recording, stop, finished } = await run([
    { name: 'sick', words: ['unready'] },
    { name: 'never', start: 1 },
  ]);
  await recording.waitFor(/^sick: listening/);
  stop.abort();
  await finished;
  expect(recording.lines.filter((line) => line.startsWith('never') || line.includes('never'))).toEqual([]);
});

test('kill ends a stop that hangs, at once', async () => {
  const { recording, ready, stop, kill, finished } = await run([
    { name: 'stubborn', words: ['stubborn'] },
    { name: 'other', stop: 1 },
  ]);
  await ready;
  stop.abort();
  await recording.waitFor(/^stubborn: got SIGTERM/);
  kill.abort();
  await finished;
  expect(recording.lines).toContain('up! stubborn had to be killed');
});
