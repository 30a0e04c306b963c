/**
 * The prototype's test catalogue, first part: end to end, serial, concurrent, a client written for the prototype, and with
 * the real Claude Code what the other parts leave to stand-ins; through both doors. What is looked for in an answer is
 * computed from random values by a real shell wherever it can be, so that it cannot have been guessed or echoed.
 */
import { createHash, randomInt } from 'node:crypto';
import { connectWire, type WireClient } from '@cc-executor/testing';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { fixture, runNode } from './support/child.ts';
import { type ClaudeStack, describeClaudeKinds } from './support/claude.ts';
import { bothDoors, type Door, dialectDoor, doors, nativeDoor, type Visitor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';
import { memoryOf } from './support/processes.ts';
import { useStack } from './support/shared-stack.ts';

/** A busy machine keeps a client from answering for a second. */
const HEARTBEAT_MS = 1_000;
/** All memory of a process: Node itself takes about 90 MB of it. */
const PEAK_BOUND_MB = 320;
/** The default of WORKER_CONCURRENCY, CLAUDE_MAX_EXECUTIONS and CLAUDE_MAX_PAUSED. */
const SLOTS = 8;

type Case = { command: string; expected: string };

/** What the prototype asked Claude for, one at a time. */
const serialCases: Record<string, () => Case> = {
  'a product'() {
    const [a, b] = [randomInt(1e6), randomInt(1e6)];
    return { command: `echo $((${a} * ${b}))`, expected: String(a * b) };
  },
  'a reversed string'() {
    const text = nonce();
    const command = `s=${text}; r=; for ((i = 0; i < \${#s}; i++)); do r="\${s:i:1}$r"; done; echo "$r"`;
    return { command, expected: [...text].reverse().join('') };
  },
  JSON() {
    const [key, a, b] = [nonce(), randomInt(1e9), randomInt(1e9)];
    const command = `printf '{"%s": {"sum": %d}}\\n' ${key} $((${a} + ${b}))`;
    return { command, expected: `{"${key}": {"sum": ${a + b}}}` };
  },
  'several lines'() {
    const factor = randomInt(1e6, 1e9);
    const command = `for i in 2 3 4; do echo "line $i: $((i * ${factor}))"; done`;
    return { command, expected: [2, 3, 4].map((i) => `line ${i}: ${i * factor}`).join('\n') };
  },
  'a caught error'() {
    const [a, b] = [randomInt(1e9), randomInt(1e9)];
    const command = `cat /nowhere/${nonce()} 2>/dev/null || echo "caught $((${a} - ${b}))"`;
    return { command, expected: `caught ${a - b}` };
  },
  'a factorial'() {
    const [n, offset] = [randomInt(8, 15), randomInt(1e9)];
    const factorial = Array.from({ length: n }, (_, index) => index + 1).reduce((a, b) => a * b);
    const command = `f=${offset}; p=1; for ((i = 2; i <= ${n}; i++)); do p=$((p * i)); done; echo $((p + f))`;
    return { command, expected: String(factorial + offset) };
  },
  'the sum of a list'() {
    const list = Array.from({ length: 12 }, () => randomInt(1e9));
    const command = `s=0; for x in ${list.join(' ')}; do s=$((s + x)); done; echo "sum=$s"`;
    return { command, expected: `sum=${list.reduce((a, b) => a + b)}` };
  },
  'the literal word COMPLETE'() {
    const [a, b] = [randomInt(1e9), randomInt(1e9)];
    const command = `echo COMPLETE; echo ====; echo '{"type":"complete","status":"success"}'; echo $((${a} + ${b}))`;
    const expected = `COMPLETE\n====\n{"type":"complete","status":"success"}\n${a + b}`;
    return { command, expected };
  },
};

/** One case of several, a line between them. */
function allOf(cases: Record<string, () => Case>): [string, () => Case] {
  function makeCase(): Case {
    const made = Object.values(cases).map((make) => make());
    return {
      command: made.map(({ command }) => command).join('; echo ----; '),
      expected: made.map(({ expected }) => expected).join('\n----\n'),
    };
  }
  return [Object.keys(cases).join(', '), makeCase];
}

/** So many numbers of eight hexadecimal digits, which a shell computes, and the same numbers. */
function computed(count: number, format = '%08x') {
  const seed = randomInt(1, 1e9);
  const command = `for ((i = 1; i <= ${count}; i++)); do printf '${format}' $((${seed} * i * 2654435761 & 0xffffffff)); done`;
  const words = Array.from({ length: count }, (_, index) => {
    const value = (BigInt(seed) * BigInt(index + 1) * 2654435761n) & 0xffffffffn;
    return value.toString(16).padStart(8, '0');
  });
  return { command, words };
}

/** What the stand-in model says when it is asked for a size. */
function filling(size: number): string {
  return 'abcdefghijklmno\n'.repeat(size / 16 + 1).slice(0, size);
}

/** Text is compared by digest: a difference of megabytes helps nobody. */
function digestOf(text: string) {
  return { length: text.length, sha256: createHash('sha256').update(text).digest('hex') };
}

/** What one of several tasks at once does; it ends after so many heartbeats, and with such a text. */
type Shape = { prompt: string; heartbeats?: number; expectText: (text: string) => void };

const shapes: Record<string, () => Shape> = {
  'a line of 10 KB, a hundred fast lines, and 8 KB without a line end come through unchanged'() {
    // As far as Claude Code cuts nothing off.
    const [long, fast, open] = [computed(1280), computed(100, '%08x\\n'), computed(1024)];
    const expected = `${long.words.join('')}\n${fast.words.join('\n')}\n${open.words.join('')}`;
    return {
      prompt: `Run this. [[bash: ${long.command}; echo; ${fast.command}; ${open.command}]]`,
      expectText: (text) => expect(digestOf(text.trim())).toEqual(digestOf(`The output is:\n${expected}`)),
    };
  },
  'binary bytes spoil nothing but themselves'() {
    const [a, b] = [randomInt(1e9), randomInt(1e9)];
    return {
      prompt: `Run this. [[bash: printf 'before=%d \\001\\033\\177\\377\\303\\050 after=%d' $((${a} + ${b})) $((${a} ^ ${b}))]]`,
      expectText: (text) => expect(text).toMatch(new RegExp(`before=${a + b} [^]*\\( after=${a ^ b}`)),
    };
  },
  'a line of 2 MB comes through unchanged'() {
    // A length that nobody can guess; the command's own output would be cut by Claude Code.
    const size = 2 * 1024 * 1024 + randomInt(100_000);
    return {
      prompt: `[[size: ${size}]] [[chunks: 40]]`,
      expectText: (text) => expect(digestOf(text)).toEqual(digestOf(filling(size))),
    };
  },
  'a command that puts out a line of 2 MB ends as any other; a silence of many heartbeats ends nothing, and every heartbeat comes'() {
    const [a, b] = [randomInt(1e9), randomInt(1e9)];
    return {
      // Claude Code refuses commands that begin with a long sleep.
      prompt: `[[bash: head -c 2097152 /dev/zero | tr '\\000' x]] [[bash: s=sleep; $s 10; echo $((${a} - ${b}))]]`,
      heartbeats: 9,
      expectText: (text) => expect(text).toBe(`The output is:\n${a - b}`),
    };
  },
  '500 KB a second for some seconds come through, in bounded memory'() {
    const size = 2_500_000 + randomInt(100_000);
    return {
      prompt: `[[size: ${size}]] [[chunks: 100]] [[delay: 50]]`,
      expectText: (text) => expect(digestOf(text)).toEqual(digestOf(filling(size))),
    };
  },
};

const env = { GATEWAY_HEARTBEAT_MS: String(HEARTBEAT_MS) };

describeClaudeKinds('the catalogue', { env }, (kind, stack) => {
  // The real one takes its time: one run of it is looked at through both doors.
  describe.each(kind === 'real' ? [bothDoors] : doors)('through $name', (door) => {
    async function connect(): Promise<Visitor> {
      const visitor = await door.connect(stack());
      onTestFinished(visitor.close);
      return visitor;
    }

    // The real one streams longer ones below.
    if (kind === 'fixture') {
      it('streams an answer to its end', async () => {
        const said = nonce();
        const visitor = await connect();
        const task = await visitor.execute(`Say it. [[text: So be it: ${said}.]]`);
        expect(await task.ended).toEqual({ status: 'COMPLETED', text: `So be it: ${said}.` });
      });
    }

    // A shell of the real one computes all of it, part by part.
    it.each(kind === 'real' ? [allOf(serialCases)] : Object.entries(serialCases))(
      'brings %s',
      async (_, makeCase) => {
        const { command, expected } = makeCase();
        const visitor = await connect();
        const task = await visitor.execute(`Run this. [[bash: ${command}]]`);
        const { status, text } = await task.ended;
        expect(text.trim()).toBe(`The output is:\n${expected}`);
        expect(status).toBe('COMPLETED');
      },
    );
  });

  describe("the prototype's client", () => {
    function runClient(...commands: string[]) {
      return runNode([fixture('prototype-client.mjs'), stack().dialectUrl(), ...commands]);
    }

    function reportsOf(stdout: string): { text: string; statuses: string[] }[] {
      return stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    }

    it('finds the computed value in the output, and its COMPLETED, and runs one command after another on one connection', async () => {
      const [a, b] = [randomInt(1e6), randomInt(1e6)];
      const texts = [nonce(), nonce()];
      const client = runClient(
        `Compute it with the shell. [[bash: echo "result: $((${a} * ${b}))"]]`,
        ...texts.map((text) => `Say it. [[text: ${text}]]`),
      );
      expect(await client.ended).toEqual({ code: 0, signal: null });
      const [first, ...others] = reportsOf(client.stdout());
      expect(first?.text).toContain(`result: ${a * b}`);
      expect(first?.statuses.at(0)).toBe('RUNNING');
      expect(first?.statuses.filter((status) => status !== 'RUNNING')).toEqual(['COMPLETED']);
      expect(others.map(({ text }) => text)).toEqual(texts);
      expect(client.stderr()).not.toContain('error');
    });
  });

  if (kind === 'real') describeTen(stack);
});

/** Many at once, and shapes of output. */
function describeTen(stack: () => ClaudeStack): void {
  const connectMany = (door: Door, count: number) =>
    Promise.all(Array.from({ length: count }, () => door.connect(stack())));
  const closeAll = (visitors: Visitor[]) => Promise.all(visitors.map((visitor) => visitor.close()));

  describe('of ten tasks at once, after quick clients that left,', () => {
    const open: Visitor[] = [];
    let begun: ReturnType<typeof begin> | undefined;

    afterAll(() => closeAll(open));

    async function begin() {
      for (const door of doors) await closeAll(await connectMany(door, 5));
      const [native] = await connectMany(nativeDoor, 1);
      open.push(native!);
      const runs = Object.entries(shapes).map(async ([name, make]) => {
        const visitor = await bothDoors.connect(stack());
        open.push(visitor);
        const { prompt, ...expected } = make();
        return [name, { ...expected, task: await visitor.execute(prompt) }] as const;
      });
      // The first eight run at once, the silent one among them.
      const running = new Map(await Promise.all(runs));
      const products = Array.from({ length: 5 }, async () => {
        const [a, b] = [randomInt(1e6), randomInt(1e6)];
        const task = await native!.execute(`Compute it. [[bash: echo $((${a} * ${b}))]]`);
        return { task, text: `The output is:\n${a * b}` };
      });
      return { products: await Promise.all(products), running };
    }

    it.each(Object.keys(shapes))('in the dialect, and followed natively: %s', async (shape) => {
      begun ??= begin();
      const { task, heartbeats = 0, expectText } = (await begun).running.get(shape)!;
      await task.untilAlive(heartbeats);
      const { status, text } = await task.ended;
      expectText(text);
      expect(status).toBe('COMPLETED');
      for (const { pid, name } of [...stack().gateways, ...stack().workers, stack().claudeApi!]) {
        expect(memoryOf(pid).peakMb, `peak memory of the ${name}, in MB`).toBeLessThan(PEAK_BOUND_MB);
      }
    });

    it('on one native connection: five have each its own answer', async () => {
      begun ??= begin();
      const { products } = await begun;
      const endings = await Promise.all(products.map(({ task }) => task.ended));
      expect(endings).toEqual(products.map(({ text }) => ({ status: 'COMPLETED', text })));
    });
  });
}

describe('many at once', () => {
  const stack = useStack();

  const echo = (text: string) => `demo:${JSON.stringify({ text: `${text} `, repeat: 20, delayMs: 5 })}`;
  const echoed = (text: string) => `${text} `.repeat(20);

  async function expectEchoes(visitors: Visitor[], count: number): Promise<void> {
    const texts = Array.from({ length: count }, () => nonce());
    const tasks = await Promise.all(
      texts.map((text, index) => visitors[index % visitors.length]!.execute(echo(text))),
    );
    const endings = await Promise.all(tasks.map((task) => task.ended));
    expect(endings).toEqual(texts.map((text) => ({ status: 'COMPLETED', text: echoed(text) })));
  }

  describe.each(doors)('through $name', (door) => {
    const connect = (count: number) =>
      Promise.all(Array.from({ length: count }, () => door.connect(stack())));
    const closeAll = (visitors: Visitor[]) => Promise.all(visitors.map((visitor) => visitor.close()));

    it.each([5, 10])('serves %i connections, each with its own answer', async (count) => {
      const visitors = await connect(count);
      await expectEchoes(visitors, count);
      await closeAll(visitors);
    });

    it('outlives five quick connections, and still works', async () => {
      for (let cycle = 0; cycle < 5; cycle += 1) await closeAll(await connect(1));
      const visitors = await connect(1);
      await expectEchoes(visitors, 1);
      await closeAll(visitors);
    });
  });

  it('serves ten executes at once on one native connection', async () => {
    const visitor = await nativeDoor.connect(stack());
    await expectEchoes([visitor], 10);
    await visitor.close();
  });

  it('refuses a second task on one connection of the dialect, and finishes the first', async () => {
    const visitor = await dialectDoor.connect(stack());
    const text = nonce();
    const first = await visitor.execute(echo(text));
    await visitor.execute('a second one');
    const { id, error } = await visitor.wire.until((message) => message.error !== undefined);
    expect({ id, error }).toEqual({
      id: null,
      error: { code: -32000, message: 'A task is already running' },
    });
    expect(await first.ended).toEqual({ status: 'COMPLETED', text: echoed(text) });
    await visitor.close();
  });

  async function startStreaming(wire: WireClient, seconds: number): Promise<string> {
    const prompt = `demo:${JSON.stringify({ text: 'x', repeat: 10 * seconds, delayMs: 100 })}`;
    const { result } = await wire.request('execute', { prompt });
    await wire.until(({ params }) => params?.jobId === result.jobId && params.type === 'output');
    return result.jobId;
  }

  async function untilEvent(wire: WireClient, jobId: string, type: string): Promise<void> {
    await wire.until(({ params }) => params?.jobId === jobId && params.type === type);
  }

  it('with the defaults of every service, eight paused jobs of somebody who left hold up nobody, and more than that are not paused', async () => {
    const attacker = await connectWire(stack().url());
    const paused: string[] = [];
    for (let count = 0; count < SLOTS; count += 1) {
      const jobId = await startStreaming(attacker, 600);
      await attacker.request('pause', { jobId });
      await untilEvent(attacker, jobId, 'paused');
      paused.push(jobId);
    }
    await attacker.close();

    const victim = await connectWire(stack().url());
    const jobs = await Promise.all(Array.from({ length: SLOTS }, () => startStreaming(victim, 1)));
    for (const jobId of jobs) expect((await victim.untilTerminal(jobId)).at(-1)?.type).toBe('completed');

    const ninth = await startStreaming(victim, 4);
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
});
