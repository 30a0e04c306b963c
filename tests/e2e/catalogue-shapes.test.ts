/**
 * The prototype's test catalogue with the real Claude Code, what the other parts leave to stand-ins: many at once, and
 * shapes of output, made by a real shell wherever something can be computed; through both doors.
 */
import { createHash, randomInt } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useClaudeStack } from './support/claude.ts';
import { bothDoors, type Door, dialectDoor, doors, nativeDoor, type Visitor } from './support/doors.ts';
import { memoryOf } from './support/processes.ts';

/** A busy machine keeps a client from answering for a second. */
const HEARTBEAT_MS = 600;
/** All memory of a process: Node itself takes about 90 MB of it. */
const PEAK_BOUND_MB = 320;

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

/** A line of 10 KB, a hundred fast lines, and 8 KB without a line end, as far as Claude Code cuts nothing off. */
function shapes() {
  const [long, fast, open] = [computed(1280), computed(100, '%08x\\n'), computed(1024)];
  return {
    command: `${long.command}; echo; ${fast.command}; ${open.command}`,
    expected: `${long.words.join('')}\n${fast.words.join('\n')}\n${open.words.join('')}`,
  };
}

/** What the stand-in model says when it is asked for a size. */
function filling(size: number): string {
  return 'abcdefghijklmno\n'.repeat(size / 16 + 1).slice(0, size);
}

/** Text is compared by digest: a difference of megabytes helps nobody. */
function digestOf(text: string) {
  return { length: text.length, sha256: createHash('sha256').update(text).digest('hex') };
}

describe('the catalogue with the real CLI', () => {
  const stack = useClaudeStack('real', { env: { GATEWAY_HEARTBEAT_MS: String(HEARTBEAT_MS) } });

  async function connectMany(door: Door, count: number): Promise<Visitor[]> {
    const visitors = await Promise.all(Array.from({ length: count }, () => door.connect(stack())));
    onTestFinished(async () => {
      await Promise.all(visitors.map((visitor) => visitor.close()));
    });
    return visitors;
  }

  /** As many tasks as asked for, spread over the visitors, each with a product of its own. */
  async function expectProducts(visitors: Visitor[], count: number): Promise<void> {
    const factors = Array.from({ length: count }, () => [randomInt(1e6), randomInt(1e6)] as const);
    const tasks = await Promise.all(
      factors.map(([a, b], index) =>
        visitors[index % visitors.length]!.execute(`Compute it. [[bash: echo $((${a} * ${b}))]]`),
      ),
    );
    const endings = await Promise.all(tasks.map((task) => task.ended));
    expect(endings).toEqual(
      factors.map(([a, b]) => ({ status: 'COMPLETED', text: `The output is:\n${a * b}` })),
    );
  }

  it('serves ten tasks at once: five on one native connection, five on as many of the dialect, after quick ones that left', async () => {
    for (const door of doors) for (const visitor of await connectMany(door, 5)) await visitor.close();
    const [native] = await connectMany(nativeDoor, 1);
    await expectProducts([...Array(5).fill(native), ...(await connectMany(dialectDoor, 5))], 10);
  });

  // The real CLI takes its time: one run of it is looked at through both doors.
  describe('through both doors at once', () => {
    async function connect(): Promise<Visitor> {
      const [visitor] = await connectMany(bothDoors, 1);
      return visitor!;
    }

    it('a line of 10 KB, a hundred fast lines, and 8 KB without a line end come through unchanged', async () => {
      const { command, expected } = shapes();
      const visitor = await connect();
      const task = await visitor.execute(`Run this. [[bash: ${command}]]`);
      const { status, text } = await task.ended;
      expect(digestOf(text.trim())).toEqual(digestOf(`The output is:\n${expected}`));
      expect(status).toBe('COMPLETED');
    });

    it('binary bytes spoil nothing but themselves', async () => {
      const [a, b] = [randomInt(1e9), randomInt(1e9)];
      const visitor = await connect();
      const task = await visitor.execute(
        `Run this. [[bash: printf 'before=%d \\001\\033\\177\\377\\303\\050 after=%d' $((${a} + ${b})) $((${a} ^ ${b}))]]`,
      );
      const { status, text } = await task.ended;
      expect(text).toMatch(new RegExp(`before=${a + b} [^]*\\( after=${a ^ b}`));
      expect(status).toBe('COMPLETED');
    });

    it('a line of 2 MB comes through unchanged', async () => {
      // A length that nobody can guess; the command's own output would be cut by Claude Code.
      const size = 2 * 1024 * 1024 + randomInt(100_000);
      const visitor = await connect();
      const task = await visitor.execute(`[[size: ${size}]] [[chunks: 40]]`);
      const { status, text } = await task.ended;
      expect(digestOf(text)).toEqual(digestOf(filling(size)));
      expect(status).toBe('COMPLETED');
    });

    it('a command that puts out a line of 2 MB ends as any other; a silence of many heartbeats ends nothing, and every heartbeat comes', async () => {
      const [a, b] = [randomInt(1e9), randomInt(1e9)];
      const visitor = await connect();
      // Claude Code refuses commands that begin with a long sleep.
      const task = await visitor.execute(
        `[[bash: head -c 2097152 /dev/zero | tr '\\000' x]] [[bash: s=sleep; $s 4; echo $((${a} - ${b}))]]`,
      );
      await task.untilAlive(6);
      expect(await task.ended).toEqual({ status: 'COMPLETED', text: `The output is:\n${a - b}` });
    });

    it('500 KB a second for some seconds come through, in bounded memory', async () => {
      const size = 2_500_000 + randomInt(100_000);
      const visitor = await connect();
      const task = await visitor.execute(`[[size: ${size}]] [[chunks: 100]] [[delay: 50]]`);
      const { status, text } = await task.ended;
      expect(digestOf(text)).toEqual(digestOf(filling(size)));
      expect(status).toBe('COMPLETED');
      for (const { pid, name } of [...stack().gateways, ...stack().workers, stack().claudeApi!]) {
        expect(memoryOf(pid).peakMb, `peak memory of the ${name}, in MB`).toBeLessThan(PEAK_BOUND_MB);
      }
    });
  });
});
