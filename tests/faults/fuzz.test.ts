/** A short fuzz run, as CI has it: `npm run fuzz` does the same for longer. */
import { needs, onBusyMachine } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { runFuzz } from '../fuzz/run.ts';

const FRAMES = 25_000;
const MB = 1024 * 1024;

test('frames of all kinds leave a gateway alive, near its memory baseline, and others with their answers', async (context) => {
  await needs('throughput')(context);
  const report = (line: string) => process.stdout.write(`${line}\n`);
  const { looked, requests, memory, p99Ms, answers, isAlive } = await runFuzz({
    seed: 20_261_127,
    frames: FRAMES,
    report,
  });
  expect(isAlive).toBe(true);
  expect(looked).toBeGreaterThanOrEqual(FRAMES);
  expect(requests / looked).toBeGreaterThan(0.4);
  expect(answers).toBeGreaterThan(20);
  expect(p99Ms).toBeLessThan(onBusyMachine(250));
  if (memory) expect(memory.after - memory.before).toBeLessThan(128 * MB);
}, 120_000);
