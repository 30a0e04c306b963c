/**
 * A tool whose result has 15 MB: every ordinary client comes to the end of its job, however small the frames that it takes
 * and however slowly it reads, and the whole result can be fetched apart.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@cc-executor/client';
import {
  emptyFold,
  foldEvents,
  foldedText,
  type JobEvent,
  MAX_SENT_FRAME_BYTES,
} from '@cc-executor/protocol';
import {
  connectWire,
  type FaultProxy,
  needs,
  type Stack,
  startFaultProxy,
  startStack,
  type WireClient,
} from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { nonce } from './support/nonce.ts';
import { enlarge, readRecording, writeReplayCli } from './support/replay-cli.ts';

/** Python's `websockets`, for one, takes no larger message unless it is told to. */
const USUAL_LIMIT_BYTES = 1024 * 1024;
const SLOW_BYTES_PER_SECOND = 200_000;
const TOOL_OUTPUT_BYTES = 15_000_000;
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), 'cc-executor-big-'));
/** Characters that JSON escapes, and ones of several bytes, among others. */
const toolOutput = `"\\é🙂${nonce(TOOL_OUTPUT_BYTES / 2)}`;
const answer = `漢\u0007${nonce(700_000)}`;
const lines = enlarge(readRecording('tool'), toolOutput, answer);
/** So many tool results that each fit an event. */
const endless = enlarge(readRecording('tool'), 'x'.repeat(200_000), 'done').flatMap((line) =>
  line.length > 200_000 ? Array.from({ length: 200 }, () => line) : [line],
);

let stack: Stack;
let proxy: FaultProxy;
let client: Client;

beforeAll(async () => {
  const env = { CLAUDE_ENGINE: 'claude', CLAUDE_BIN: writeReplayCli(folder), ANTHROPIC_API_KEY: 'none' };
  writeFileSync(join(folder, 'big.jsonl'), lines.map((line) => `${line}\n`).join(''));
  writeFileSync(join(folder, 'endless.jsonl'), endless.map((line) => `${line}\n`).join(''));
  const bounds = { JOB_MAX_OUTPUT_BYTES: String(MAX_OUTPUT_BYTES) };
  // A line of 15 MB keeps a worker from its lease for seconds where the machine is busy: that is the default one.
  stack = await startStack({ env: bounds, upstream: { env } });
  proxy = await startFaultProxy({ target: { port: Number(new URL(stack.url()).port) } });
  await proxy.set({ toClient: { bytesPerSecond: SLOW_BYTES_PER_SECOND } });
  client = createClient({ url: stack.url() });
});
afterAll(async () => {
  await client.close();
  await proxy.close();
  await stack.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(needs('throughput'));

async function connect(url: string, subprotocol?: null): Promise<WireClient & { largest(): number }> {
  const wire = await connectWire(url, {
    maxPayload: USUAL_LIMIT_BYTES,
    ...(subprotocol === null && { subprotocol }),
  });
  onTestFinished(wire.close);
  let largest = 0;
  wire.socket.on('message', (data) => {
    largest = Math.max(largest, (data as Buffer).length);
  });
  return { ...wire, largest: () => largest };
}

function expectWholeAnswer(events: JobEvent[]): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)).toMatchObject({ type: 'completed', evidence: 'complete-line' });
  const text = foldedText(foldEvents(emptyFold, events));
  expect(text.endsWith(answer)).toBe(true);
  expect(events.at(-1)).toMatchObject({ digest: digestOf(text) });
}

function digestOf(text: string) {
  return { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
}

describe('a client that takes frames of 1 MiB', () => {
  it('and one at 200 KB/s, and one that comes later, have the same events to the end, in small frames', async () => {
    const usual = await connect(stack.url());
    const slow = await connect(proxy.url('ws', '/ws'));
    const { result } = await usual.request('execute', { prompt: 'big' });
    await slow.request('attach', { jobId: result.jobId });
    const events = await usual.untilTerminal(result.jobId);
    expectWholeAnswer(events);
    expect(await slow.untilTerminal(result.jobId)).toEqual(events);
    const later = await connect(stack.url());
    await later.request('attach', { jobId: result.jobId });
    expect(await later.untilTerminal(result.jobId)).toEqual(events);
    await later.request('get', { jobId: result.jobId });
    for (const { largest } of [usual, slow, later]) {
      expect(largest()).toBeGreaterThan(30_000);
      expect(largest()).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
    }
  });

  it('comes to the end in the prototype’s dialect, too', async () => {
    const wire = await connect(stack.dialectUrl(), null);
    wire.send('{"jsonrpc":"2.0","method":"execute","params":{"command":"big"}}');
    await wire.until(({ params }) => params?.status === 'COMPLETED');
    const pieces = wire.messages.filter(({ method }) => method === 'output');
    expect(pieces.map(({ params }) => params.content).join('')).toContain(answer);
    expect(wire.largest()).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
  });
});

it('the whole tool result is fetched apart, by the SDK and the command, and is what its digest says', async () => {
  const job = await client.execute({ prompt: 'big' });
  const events: JobEvent[] = await Array.fromAsync(job.events());
  expect(await job.digestOk()).toBe(true);
  const cut = events.filter((event) => event.type === 'message').filter(({ truncated }) => truncated);
  expect(cut).toHaveLength(1);
  const { seq, truncated } = cut[0]!;
  const line = lines.find((one) => one.length > TOOL_OUTPUT_BYTES) ?? '';
  expect(truncated).toEqual({ ...digestOf(line), kept: true });
  expect(digestOf(JSON.stringify(await client.eventBody(job.jobId, seq)))).toEqual(digestOf(line));

  const main = new URL('../../apps/cli/src/main.ts', import.meta.url).pathname;
  const command = runNode([main, 'body', '--url', stack.url(), job.jobId, String(seq)]);
  expect((await command.ended).code).toBe(0);
  expect(digestOf(command.stdout().trimEnd())).toEqual(digestOf(line));
});

it('a job that puts out without end is stopped and fails, with its output kept', async () => {
  const job = await client.execute({ prompt: 'endless' });
  expect(await job.done()).toMatchObject({
    type: 'failed',
    error: { code: 'output_too_large', retrySafe: false },
    partial: true,
  });
  expect(await job.digestOk()).toBe(true);
  const again = await client.attach(job.jobId);
  const events: JobEvent[] = await Array.fromAsync(again.events());
  const bytes = Buffer.byteLength(JSON.stringify(events));
  expect(bytes).toBeGreaterThan(MAX_OUTPUT_BYTES);
  // What was under way when it was noticed.
  expect(bytes).toBeLessThan(MAX_OUTPUT_BYTES + 12 * 1024 * 1024);
});
