/** The prototype's test catalogue, second part: shapes of output, from a scripted upstream through both doors. */
import { createHash } from 'node:crypto';
import { needs, type Stack, startStack } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bothDoors, doors, nativeDoor, type Visitor } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { memoryOf } from './support/processes.ts';
import { startScripts } from './support/scripts.ts';
import { answer, closing, opening, piece } from './support/stream-lines.ts';

const HEARTBEAT_MS = 500;
/** Node ends a process that needs more for its live objects. */
const HEAP_LIMIT_MB = 96;
const FLOOD_MB = 128;
/** All memory of a process: Node itself takes about 90 MB of it. */
const PEAK_BOUND_MB = 320;

let scripts: Awaited<ReturnType<typeof startScripts>>;
let stack: Stack;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  scripts = await startScripts();
  const env = {
    ...RESTLESS,
    // A flood keeps a worker from its lease for seconds where the machine is busy.
    JOB_LEASE_MS: '6000',
    GATEWAY_HEARTBEAT_MS: String(HEARTBEAT_MS),
    NODE_OPTIONS: `--max-old-space-size=${HEAP_LIMIT_MB}`,
  };
  stack = await startStack({ env, upstream: { url: scripts.upstream.url } });
  // Its clients may be busy with reading for longer.
  await stack.startGateway({ GATEWAY_HEARTBEAT_MS: '10s' });
  nothingLeft = watchLeftovers(stack);
});
afterAll(async () => {
  try {
    await nothingLeft();
    expect(scripts.upstream.openConnections()).toBe(0);
  } finally {
    await stack.close();
    await scripts.upstream.close();
  }
});

/** Text is compared by digest: a difference of megabytes helps nobody. */
function digestOf(text: string) {
  return { length: text.length, sha256: createHash('sha256').update(text).digest('hex') };
}

/** Every character up to U+00FF, then what is awkward in UTF-8, in JSON, or on a terminal. */
const BINARY = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  ...['\u2028\u2029\ufeff\ufffd\uffff', '🚀é漢', '\u001b[31mred\u001b[0m', '"\\u0000"', '\r\n\n'],
].join('');

const shapes: Record<string, () => string[]> = {
  'a line of 10 KB': () => [`${nonce(5 * 1024)}\n`],
  'a hundred fast lines': () => Array.from({ length: 100 }, (_, index) => `${index} ${nonce()}\n`),
  '8 KB without a line end': () => Array.from({ length: 64 }, () => nonce(64)),
  'binary bytes': () => [nonce(), BINARY, nonce()],
  'a line of 2 MB': () => [nonce(1024 * 1024)],
};

describe.each(doors)('through $name', (door) => {
  let visitor: Visitor;

  beforeEach(async () => {
    visitor = await door.connect(stack);
  });
  afterEach(() => visitor.close());

  it.each(Object.entries(shapes))('%s comes through unchanged', async (_, makePieces) => {
    const pieces = makePieces();
    const task = await visitor.execute(scripts.file(answer(pieces)));
    const { status, text } = await task.ended;
    expect(digestOf(text)).toEqual(digestOf(pieces.join('')));
    expect(status).toBe('COMPLETED');
  });

  it('bytes that are no UTF-8 spoil nothing but themselves', async () => {
    const [before, after] = [nonce(), nonce()];
    const line = JSON.stringify((piece(`${before}#${after}`) as { line: object }).line);
    const [head, tail] = line.split('#');
    const broken = Buffer.concat([Buffer.from(head!), Buffer.of(0xff, 0xc3, 0x28), Buffer.from(`${tail}\n`)]);
    const noise = Buffer.of(0, 0x80, 0xfe, 0xff, 0x0a);
    // Without the deltas' text to compare with: what Claude Code itself read is not known here either.
    const steps = [
      ...opening(),
      { raw: noise },
      { raw: broken },
      ...closing(`${before}\ufffd\ufffd(${after}`),
    ];
    const task = await visitor.execute(scripts.file(steps));
    expect(await task.ended).toEqual({ status: 'COMPLETED', text: `${before}\ufffd\ufffd(${after}` });
  });

  it('a silence of many heartbeats ends nothing, and every heartbeat comes', async () => {
    const [before, after, gate] = [nonce(), nonce(), nonce()];
    const steps = [...opening(), piece(before), { wait: gate }, piece(after), ...closing(before + after)];
    const task = await visitor.execute(scripts.file(steps));
    await task.untilText(before);
    const silentFrom = performance.now();
    await task.untilAlive(6);
    expect(performance.now() - silentFrom).toBeGreaterThan(4 * HEARTBEAT_MS);
    scripts.upstream.release(gate);
    expect(await task.ended).toEqual({ status: 'COMPLETED', text: before + after });
  });

  it('500 KB a second for some seconds come as they are made', async () => {
    const pieces = Array.from({ length: 160 }, () => nonce(4 * 1024));
    const [total, gate] = [pieces.join(''), nonce()];
    // 16 pieces of 8 KB every 250 ms are 512 KB a second.
    const paced = pieces.flatMap((text, index) =>
      index % 16 === 15 ? [piece(text), { delayMs: 250 }] : [piece(text)],
    );
    const task = await visitor.execute(
      scripts.file([...opening(), ...paced, { wait: gate }, ...closing(total)]),
    );
    await task.untilText(pieces.at(-1)!);
    scripts.upstream.release(gate);
    const { status, text } = await task.ended;
    expect(digestOf(text)).toEqual(digestOf(total));
    expect(status).toBe('COMPLETED');
  });
});

it('a flood of more text than a process may hold comes through, through both doors at once', async (context) => {
  await needs('throughput')(context);
  const text = nonce(32 * 1024);
  const message = [...opening().slice(2), piece(text), ...closing(text).slice(0, 3)];
  const count = (FLOOD_MB * 1024 * 1024) / text.length;
  const flood = Array.from({ length: count }, () => message).flat();
  const reader = await bothDoors.connect(stack, 1);
  const task = await reader.execute(
    scripts.file([...opening().slice(0, 2), ...flood, ...closing(text).slice(3)]),
  );
  const ending = await task.ended;
  await reader.close();
  expect({ ...ending, text: digestOf(ending.text) }).toEqual({
    status: 'COMPLETED',
    text: digestOf(text.repeat(count)),
  });
  for (const { pid, name } of [...stack.gateways, ...stack.workers]) {
    expect(memoryOf(pid).peakMb, `peak memory of the ${name}, in MB`).toBeLessThan(PEAK_BOUND_MB);
  }
});

it('a structured message of 2 MB reaches a native client whole', async () => {
  const content = nonce(1024 * 1024);
  const use = { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'true' } };
  const outcome = { type: 'tool_result', tool_use_id: 'toolu_1', content };
  const [start, init, ...rest] = answer([nonce()]);
  const visitor = await nativeDoor.connect(stack);
  const task = await visitor.execute(
    scripts.file([
      start!,
      init!,
      { line: { type: 'assistant', message: { id: 'msg_0', role: 'assistant', content: [use] } } },
      { line: { type: 'user', message: { role: 'user', content: [outcome] } } },
      ...rest,
    ]),
  );
  expect((await task.ended).status).toBe('COMPLETED');
  const jobId = await task.jobId();
  const { seq } = visitor.wire.events(jobId).findLast((event) => event.type === 'message')!;
  let received = '';
  for (let offset: number | undefined = 0; offset !== undefined; ) {
    const { result } = await visitor.wire.request('eventBody', { jobId, seq, offset });
    received += result.text;
    offset = result.nextOffset;
  }
  expect(JSON.parse(received).message.content[0].content === content).toBe(true);
  await visitor.close();
});
