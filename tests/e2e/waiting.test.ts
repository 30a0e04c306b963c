/** Somebody pauses as many jobs as there are slots and leaves: with the defaults of every service, others still run. */
import { connectWire, type Stack, startStack, type WireClient } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESTLESS } from './support/leftovers.ts';

/** The default of WORKER_CONCURRENCY, CLAUDE_MAX_EXECUTIONS and CLAUDE_MAX_PAUSED. */
const SLOTS = 8;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ env: RESTLESS });
});
afterAll(() => stack.close());

async function start(wire: WireClient, seconds: number): Promise<string> {
  const prompt = `demo:${JSON.stringify({ text: 'x', repeat: 10 * seconds, delayMs: 100 })}`;
  const { result } = await wire.request('execute', { prompt });
  await wire.until(({ params }) => params?.jobId === result.jobId && params.type === 'output');
  return result.jobId;
}

async function untilEvent(wire: WireClient, jobId: string, type: string): Promise<void> {
  await wire.until(({ params }) => params?.jobId === jobId && params.type === type);
}

test('eight paused jobs of somebody who left hold up nobody, and more than that are not paused', async () => {
  const attacker = await connectWire(stack.url());
  const paused: string[] = [];
  for (let count = 0; count < SLOTS; count += 1) {
    const jobId = await start(attacker, 600);
    await attacker.request('pause', { jobId });
    await untilEvent(attacker, jobId, 'paused');
    paused.push(jobId);
  }
  await attacker.close();

  const victim = await connectWire(stack.url());
  const jobs = await Promise.all(Array.from({ length: SLOTS }, () => start(victim, 1)));
  for (const jobId of jobs) expect((await victim.untilTerminal(jobId)).at(-1)?.type).toBe('completed');

  const ninth = await start(victim, 4);
  await victim.request('pause', { jobId: ninth });
  const events = await victim.untilTerminal(ninth);
  expect(events.find(({ type }) => type === 'pause_refused')).toMatchObject({
    request: 'pause',
    reason: expect.stringContaining('CLAUDE_MAX_PAUSED'),
  });
  expect(events.at(-1)?.type).toBe('completed');

  for (const jobId of paused) {
    const { result } = await victim.request('get', { jobId });
    expect(result).toMatchObject({ status: 'running', pausedAt: expect.any(Number) });
    await victim.request('cancel', { jobId });
    await victim.request('attach', { jobId });
    expect((await victim.untilTerminal(jobId)).at(-1)?.type).toBe('cancelled');
  }
  await victim.close();
});
