/**
 * 200 executes at once on one gateway and one worker, round after round. Success is: every job ends `completed` with
 * its own text and an unbroken log; after a first round that warms everything up, three more leave
 *
 * - at most 2 MB more live heap in the gateway and in the worker (after a full collection): 4 KB a job would show;
 * - at most 64 MB more resident memory, which V8 gives back late or never;
 * - no subscription, no socket, no entry in the queue or in the index of unfinished jobs.
 */
import { emptyFold, foldEvents, foldedText, type JobEvent } from '@cc-executor/protocol';
import { connectWire, needs, type Stack, startStack, type WireClient } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { INSPECTED, liveHeapMb } from './support/heap.ts';
import { lookAround, RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { memoryOf } from './support/processes.ts';

const JOBS = 200;
const CONNECTIONS = 20;
const ROUNDS = 3;
const HEAP_BOUND_MB = 2;
const RSS_BOUND_MB = 64;

let stack: Stack;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  stack = await startStack({
    env: { ...RESTLESS, ...INSPECTED, LOG_LEVEL: 'info', WORKER_CONCURRENCY: String(JOBS) },
    upstream: { env: { CLAUDE_ENGINE: 'demo', CLAUDE_MAX_EXECUTIONS: String(JOBS), LOG_LEVEL: 'info' } },
  });
  nothingLeft = watchLeftovers(stack);
});
afterAll(() => stack.close());

/** Starts a job that answers its nonces, and returns what is expected and what came. */
async function runJob(wire: WireClient): Promise<{ expected: string; events: JobEvent[] }> {
  const word = `${nonce(16)} `;
  const prompt = `demo:${JSON.stringify({ text: word, repeat: 8, delayMs: 50 })}`;
  const { result } = await wire.request('execute', { prompt });
  return { expected: word.repeat(8), events: await wire.untilTerminal(result.jobId) };
}

async function runRound(): Promise<void> {
  const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectWire(stack.url())));
  const running = Array.from({ length: JOBS }, (_, index) => runJob(wires[index % CONNECTIONS]!));
  const inQueue = async () => (await lookAround(stack)).inQueue;
  await expect.poll(inQueue, { timeout: 10_000, interval: 10 }).toBeGreaterThan(JOBS / 2);
  for (const { expected, events } of await Promise.all(running)) {
    expect(foldedText(foldEvents(emptyFold, events))).toBe(expected);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.type).toBe('completed');
  }
  await Promise.all(wires.map((wire) => wire.close()));
}

async function measure() {
  await nothingLeft();
  const services = [stack.gateways[0]!, stack.workers[0]!];
  return Promise.all(
    services.map(async (service) => ({
      name: service.name,
      heapMb: await liveHeapMb(service),
      rssMb: memoryOf(service.pid).rssMb,
    })),
  );
}

it(`${JOBS} executes at once all complete, and memory returns to its baseline`, async (context) => {
  await needs('throughput')(context);
  await runRound();
  const before = await measure();
  for (let round = 0; round < ROUNDS; round += 1) await runRound();
  const after = await measure();
  for (const [index, { name, heapMb, rssMb }] of after.entries()) {
    expect(heapMb - before[index]!.heapMb, `growth of the ${name}'s heap, in MB`).toBeLessThan(HEAP_BOUND_MB);
    expect(rssMb - before[index]!.rssMb, `growth of the ${name}'s memory, in MB`).toBeLessThan(RSS_BOUND_MB);
  }
});
