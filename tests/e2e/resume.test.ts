/**
 * Whoever dies between a job and its listener, the listener loses nothing: what it saw before and what it gets
 * afterwards, from another gateway process, are together byte for byte the job's log.
 */
import { type Client, createClient } from '@cc-executor/client';
import { emptyFold, foldEvents, foldedText, isTerminalEvent, type JobEvent } from '@cc-executor/protocol';
import { connectWire, type ServiceProcess, type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startBalancer } from './support/balancer.ts';
import { fixture, runNode } from './support/child.ts';
import { lookAround, RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';

let stack: Stack;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  stack = await startStack({ gateways: 2, env: RESTLESS });
  nothingLeft = watchLeftovers(stack);
});
afterAll(() => stack.close());

/** A job that runs for about a second and a half, unless told otherwise. */
function streamingJob(repeat = 150) {
  const word = `${nonce(4)} `;
  return {
    prompt: `demo:${JSON.stringify({ text: word, repeat, delayMs: 10 })}`,
    text: word.repeat(repeat),
  };
}

/** All event frames of a job as they come over the wire, from a position to its end. */
async function framesFrom(gateway: number, params: { jobId: string; afterSeq: number; epoch?: string }) {
  const wire = await connectWire(stack.url(gateway));
  const frames: string[] = [];
  wire.socket.on('message', (data) => {
    const frame = data.toString();
    if (frame.includes('"method":"event"')) frames.push(frame);
  });
  const { result, error } = await wire.request('attach', params);
  expect(error).toBeUndefined();
  await wire.untilTerminal(params.jobId);
  await wire.close();
  return { frames, status: result.status as string };
}

const eventOf = (frame: string): JobEvent => JSON.parse(frame).params;

function expectWholeLog(events: JobEvent[], text: string): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(isTerminalEvent).map(({ type }) => type)).toEqual(['completed']);
  expect(events.at(-1)?.type).toBe('completed');
  expect(foldedText(foldEvents(emptyFold, events))).toBe(text);
}

describe('a client that is killed in the middle of the stream', () => {
  /** Kills a client after so many frames; returns the whole frames that it had printed. */
  async function killAfter(
    count: number,
    gateway: number,
    method: string,
    params: object,
  ): Promise<string[]> {
    const client = runNode([
      fixture('native-client.mjs'),
      stack.url(gateway),
      method,
      JSON.stringify(params),
    ]);
    await client.untilOutput(new RegExp(`(?:.*\\n){${count}}`));
    client.process.kill('SIGKILL');
    expect(await client.ended).toEqual({ code: null, signal: 'SIGKILL' });
    return client.stdout().split('\n').slice(0, -1);
  }

  it('loses nothing when it attaches again through another gateway', async () => {
    // Two clients start while it runs.
    const { prompt, text } = streamingJob(400);
    const frames = await killAfter(20, 0, 'execute', { prompt });
    const { jobId, epoch } = eventOf(frames[0]!);
    frames.push(
      ...(await killAfter(20, 1, 'attach', { jobId, epoch, afterSeq: eventOf(frames.at(-1)!).seq })),
    );
    const rest = await framesFrom(0, { jobId, epoch, afterSeq: eventOf(frames.at(-1)!).seq });
    // Else nothing was resumed in the middle.
    expect(rest.status).toBe('running');
    frames.push(...rest.frames);
    expectWholeLog(frames.map(eventOf), text);
    for (const gateway of [0, 1]) {
      expect((await framesFrom(gateway, { jobId, afterSeq: 0 })).frames).toEqual(frames);
    }
    await nothingLeft();
  });

  it('gets the rest also when the job has ended meanwhile', async () => {
    const { prompt, text } = streamingJob();
    const frames = await killAfter(5, 0, 'execute', { prompt });
    const { jobId } = eventOf(frames[0]!);
    const whole = await framesFrom(1, { jobId, afterSeq: 0 });
    const rest = await framesFrom(1, { jobId, afterSeq: eventOf(frames.at(-1)!).seq });
    expect(rest.status).toBe('completed');
    expect([...frames, ...rest.frames]).toEqual(whole.frames);
    expectWholeLog(whole.frames.map(eventOf), text);
    await nothingLeft();
  });
});

describe('a client of the SDK behind a load balancer', () => {
  /** The first that clients get to, which does not outlive the test. */
  let gateway: ServiceProcess;

  beforeEach(async () => {
    gateway = await stack.startGateway();
  });

  async function connect(): Promise<{ client: Client; states: string[] }> {
    const ports = [gateway, stack.gateways[1]].map((either) => Number(either?.ready.port));
    const balancer = await startBalancer(ports);
    const client = createClient({ url: `ws://127.0.0.1:${balancer.port}/ws`, reconnect: { maxMs: 200 } });
    const states: string[] = [];
    client.on('state', (state) => states.push(state));
    onTestFinished(async () => {
      await client.close();
      await balancer.close();
    });
    return { client, states };
  }

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'outlives the %s of its gateway in the middle of the stream',
    async (signal) => {
      const { client, states } = await connect();
      await client.connect();
      const { prompt, text } = streamingJob();
      const job = await client.execute({ prompt });
      const events: JobEvent[] = [];
      for await (const event of job.events()) {
        events.push(event);
        if (event.seq === 20) gateway.kill(signal);
      }
      expectWholeLog(events, text);
      expect(await gateway.exited).toEqual(
        signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal },
      );
      expect(states.filter((state) => state === 'connected')).toHaveLength(2);
      expect(await job.done()).toEqual(events.at(-1));
      expect(job.text()).toBe(text);
      const { frames } = await framesFrom(1, { jobId: job.jobId, afterSeq: 0 });
      expect(frames.map(eventOf)).toEqual(events);
      await client.close();
      await expect
        .poll(() => lookAround(stack), { timeout: 10_000 })
        .toEqual({ subscriptions: [], due: 0, inQueue: 0 });
    },
  );

  it('keeps many jobs apart over the death of their gateway', async () => {
    const { client } = await connect();
    const jobs = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const { prompt, text } = streamingJob();
        return { handle: await client.execute({ prompt }), text };
      }),
    );
    const running = jobs.map(async ({ handle, text }) => {
      const events: JobEvent[] = [];
      for await (const event of handle.events()) events.push(event);
      expectWholeLog(events, text);
    });
    for await (const { seq } of jobs[0]!.handle.events()) if (seq === 10) break;
    gateway.kill('SIGKILL');
    await Promise.all(running);
  });
});
