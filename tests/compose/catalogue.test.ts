/** The prototype's test catalogue through the published port, as far as the demo engine can play it. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { doors, type Visitor } from '../e2e/support/doors.ts';
import { nonce } from '../e2e/support/nonce.ts';
import type { Project } from './support/project.ts';
import { useStack } from './support/stack.ts';

const stack = useStack();

const script = (fields: object) => `demo:${JSON.stringify({ delayMs: 5, ...fields })}`;

/** Text is compared by digest: a difference of megabytes helps nobody. */
const digestOf = (text: string) => ({
  length: text.length,
  sha256: createHash('sha256').update(text).digest('hex'),
});

const shapes: Record<string, () => { text: string; repeat?: number; delayMs?: number }> = {
  'JSON with quotes and line ends': () => ({ text: `${JSON.stringify({ [nonce()]: 'a"b\\c\n' })}\r\n` }),
  'the literal words of an end': () => ({ text: `COMPLETE ==== {"type":"complete"} ${nonce()}` }),
  'a line of 10 KB': () => ({ text: `${nonce(5 * 1024)}\n` }),
  'a hundred fast lines': () => ({ text: `${nonce()}\n`, repeat: 100, delayMs: 0 }),
  '8 KB without a line end': () => ({ text: nonce(64), repeat: 64, delayMs: 0 }),
  'a line of 2 MB': () => ({ text: nonce(1024), repeat: 1024, delayMs: 0 }),
  'what is awkward in UTF-8 and on a terminal': () => ({
    text: `\u0000\u001b[31m🚀é漢\u2028\ufeff"${nonce()}`,
  }),
};

/** The doors of the end-to-end tests want a stack's URLs only. */
const asStack = (project: Project) => project as unknown as Parameters<(typeof doors)[number]['connect']>[0];

describe.each(doors)('through $name', (door) => {
  const connect = () => door.connect(asStack(stack()));

  it.each(Object.entries(shapes))('%s comes through unchanged', async (_, makeShape) => {
    const { text, repeat = 1, delayMs = 5 } = makeShape();
    const visitor = await connect();
    const ending = await (await visitor.execute(script({ text, repeat, delayMs }))).ended;
    expect(ending.status).toBe('COMPLETED');
    expect(digestOf(ending.text)).toEqual(digestOf(text.repeat(repeat)));
    await visitor.close();
  });

  it('serves five connections at once, each with its own answer, after five quick ones', async () => {
    for (let cycle = 0; cycle < 5; cycle += 1) await (await connect()).close();
    const visitors = await Promise.all(Array.from({ length: 5 }, connect));
    await expectOwnAnswers(visitors);
    await Promise.all(visitors.map((visitor) => visitor.close()));
  });

  it('a cancel between timed steps ends in CANCELLED', async () => {
    const visitor = await connect();
    const text = nonce();
    const task = await visitor.execute(script({ text, repeat: 10, delayMs: 500 }));
    await task.untilText(text);
    await task.cancel();
    expect((await task.ended).status).toBe('CANCELLED');
    await visitor.close();
  });

  it('an error of the work ends in FAILED, with the output kept', async () => {
    const visitor = await connect();
    const text = nonce();
    const { status, text: said } = await (await visitor.execute(script({ text, fail: 'no' }))).ended;
    expect({ status, said }).toEqual({ status: 'FAILED', said: text });
    await visitor.close();
  });
});

it('a silence of ten seconds ends nothing, through either door', { timeout: 30_000 }, async () => {
  const listen = async (door: (typeof doors)[number]) => {
    const visitor = await door.connect(asStack(stack()));
    const text = nonce();
    const task = await visitor.execute(script({ text, delayMs: 10_000 }));
    await task.untilAlive(5);
    expect(await task.ended).toEqual({ status: 'COMPLETED', text });
    await visitor.close();
  };
  await Promise.all(doors.map(listen));
});

it('serves ten executes at once on one connection', async () => {
  const visitor = await doors[0]!.connect(asStack(stack()));
  await expectOwnAnswers(Array.from({ length: 10 }, () => visitor));
  await visitor.close();
});

it('a time-out shorter than the work ends the job with what there was', async () => {
  const visitor = await doors[0]!.connect(asStack(stack()));
  const text = nonce();
  const prompt = script({ text, repeat: 100, delayMs: 200 });
  const { result } = await visitor.wire.request('execute', { prompt, timeouts: { totalMs: 2_000 } });
  const end = (await visitor.wire.untilTerminal(result.jobId)).at(-1);
  expect(end).toMatchObject({ type: 'timed_out', limit: 'total' });
  await visitor.close();
});

it('pauses and resumes a job where it runs', async () => {
  const visitor = await doors[0]!.connect(asStack(stack()));
  const text = nonce();
  const prompt = script({ text, repeat: 10, delayMs: 300 });
  const { jobId } = (await visitor.wire.request('execute', { prompt })).result;
  const event = (type: string) =>
    visitor.wire.until(({ params }) => params?.jobId === jobId && params.type === type);
  await event('output');
  await visitor.wire.request('pause', { jobId });
  await event('paused');
  await visitor.wire.request('resume', { jobId });
  await event('resumed');
  expect((await visitor.wire.untilTerminal(jobId)).at(-1)).toMatchObject({ type: 'completed' });
  await visitor.close();
});

it('a worker answers for claude-api when a job is verified', async () => {
  const visitor = await doors[0]!.connect(asStack(stack()));
  const { jobId } = (await visitor.wire.request('execute', { prompt: script({ text: nonce() }) })).result;
  await visitor.wire.untilTerminal(jobId);
  const { result } = await visitor.wire.request('verify', { jobId });
  expect(result).toMatchObject({ verdict: 'not_verifiable', reason: 'demo_engine' });
  await visitor.close();
});

async function expectOwnAnswers(visitors: readonly Visitor[]): Promise<void> {
  const texts = visitors.map(() => `${nonce()} `);
  const tasks = await Promise.all(
    visitors.map((visitor, index) => visitor.execute(script({ text: texts[index], repeat: 20 }))),
  );
  const endings = await Promise.all(tasks.map((task) => task.ended));
  expect(endings).toEqual(texts.map((text) => ({ status: 'COMPLETED', text: text.repeat(20) })));
}
