/**
 * The prototype's test catalogue, first part: end to end, serial, concurrent; through both doors. What is looked for
 * in an answer is computed from random values by a real shell, so that it cannot have been guessed or echoed.
 */
import { randomInt } from 'node:crypto';
import { type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { claudeKinds, useClaudeStack } from './support/claude.ts';
import { bothDoors, dialectDoor, doors, nativeDoor, type Visitor } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';

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

describe.each(claudeKinds)('the catalogue with the %s CLI', (kind) => {
  const stack = useClaudeStack(kind);

  // The real one takes its time: one run of it is looked at through both doors.
  describe.each(kind === 'real' ? [bothDoors] : doors)('through $name', (door) => {
    async function connect(): Promise<Visitor> {
      const visitor = await door.connect(stack());
      onTestFinished(visitor.close);
      return visitor;
    }

    it('streams an answer to its end', async () => {
      const said = nonce();
      const visitor = await connect();
      const task = await visitor.execute(`Say it. [[text: So be it: ${said}.]]`);
      expect(await task.ended).toEqual({ status: 'COMPLETED', text: `So be it: ${said}.` });
    });

    // For the same reason a shell of the real one computes all of it, part by part.
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
});

describe('many at once', () => {
  let stack: Stack;
  let nothingLeft: () => Promise<void>;

  beforeAll(async () => {
    stack = await startStack({ env: RESTLESS });
    nothingLeft = watchLeftovers(stack);
  });
  afterAll(async () => {
    try {
      await nothingLeft();
    } finally {
      await stack.close();
    }
  });

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
    const connect = (count: number) => Promise.all(Array.from({ length: count }, () => door.connect(stack)));
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
    const visitor = await nativeDoor.connect(stack);
    await expectEchoes([visitor], 10);
    await visitor.close();
  });

  it('refuses a second task on one connection of the dialect, and finishes the first', async () => {
    const visitor = await dialectDoor.connect(stack);
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
});
