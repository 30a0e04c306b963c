import type { UpstreamStep } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import type { UpstreamEvent } from '../src/index.ts';
import { lines, request, run, runScript, startPair } from './running.ts';

const pings = (count: number): UpstreamStep[] =>
  Array.from({ length: count }, () => [lines.ping, { raw: '\n' }, { delayMs: 20 }]).flat();

describe('the first-output limit', () => {
  it.each<[string, UpstreamStep[]]>([
    ['nothing follows the head', []],
    ['only a start, a session and pings come', [lines.start, ...pings(20)]],
  ])('ends the call when %s', async (_what, steps) => {
    const { outcome, upstream } = await runScript(
      { steps: [...steps, { hang: true }] },
      { firstOutputMs: 100, idleMs: 60_000 },
    );
    expect(outcome).toMatchObject({ status: 'timed_out', limit: 'firstOutput' });
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it('ends the call when not even a head comes', async () => {
    const { outcome } = await runScript({ before: [{ hang: true }] }, { firstOutputMs: 60 });
    expect(outcome).toEqual({ status: 'timed_out', limit: 'firstOutput' });
  });

  it('is over with the first output', async () => {
    const steps: UpstreamStep[] = [lines.text('hi'), { delayMs: 150 }, lines.complete()];
    const { outcome } = await runScript({ steps }, { firstOutputMs: 100 });
    expect(outcome.status).toBe('completed');
  });
});

describe('the idle limit', () => {
  it('is not put off by pings and empty lines, and keeps what is known', async () => {
    const { outcome, blocks, upstream } = await runScript(
      { steps: [lines.start, lines.text('partial'), ...pings(20), { hang: true }] },
      { idleMs: 100 },
    );
    expect(outcome).toMatchObject({ status: 'timed_out', limit: 'idle', digest: { bytes: 7 } });
    expect(blocks).toEqual(['partial']);
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it.each<[string, object]>([
    ['tool activity', { type: 'stream_event', event: { type: 'content_block_delta', delta: {} } }],
    ['messages', { type: 'user', message: { content: 'tool result' } }],
  ])('is put off by %s', async (_what, line) => {
    const activity = Array.from({ length: 10 }, () => [{ line }, { delayMs: 30 }]).flat();
    const { outcome } = await runScript(
      { steps: [lines.text('a'), ...activity, lines.complete()] },
      { idleMs: 150 },
    );
    expect(outcome.status).toBe('completed');
  });

  it('does not count the time in which the consumer does not read', async () => {
    const { upstream, client } = await startPair(
      { steps: [...manyTexts(512 * 1024), lines.complete()] },
      { idleMs: 150 },
    );
    const seen: UpstreamEvent[] = [];
    for await (const batch of client.execute(request)) {
      if (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 400));
      seen.push(...batch);
    }
    expect(seen.at(-1)).toMatchObject({ type: 'end', outcome: { status: 'completed' } });
    expect(upstream.calls).toHaveLength(1);
  });

  it('may be given for one call', async () => {
    const { client } = await startPair({ steps: [lines.text('a'), { hang: true }] });
    const { outcome } = await run(client, { limits: { idleMs: 50 } });
    expect(outcome).toMatchObject({ status: 'timed_out', limit: 'idle' });
  });
});

describe('backpressure', () => {
  it('stops reading while the consumer is busy, and loses nothing', async () => {
    let written = 0;
    const total = 16 * 1024 * 1024;
    const { client, upstream } = await startPair({
      steps: [...manyTexts(total), lines.complete()],
    });
    const iterator = client.execute(request)[Symbol.asyncIterator]();
    const first = await iterator.next();
    expect(first.done).toBe(false);
    // Over a whole second of event-loop turns the producer cannot get rid of its 16 MB.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await iterator.next();
    const size = (batch: UpstreamEvent[]) =>
      batch.reduce((sum, event) => sum + (event.type === 'text' ? event.text.length : 0), 0);
    expect(size(second.value as UpstreamEvent[])).toBeLessThan(2 * 1024 * 1024);
    expect(upstream.openConnections()).toBe(1);
    written = size(first.value as UpstreamEvent[]) + size(second.value as UpstreamEvent[]);
    let last: UpstreamEvent | undefined;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      written += size(next.value);
      last = next.value.at(-1);
    }
    expect(written).toBe(total);
    expect(last).toMatchObject({ type: 'end', outcome: { status: 'completed', digest: { bytes: total } } });
  });
});

describe('aborting', () => {
  it('before the call sends nothing', async () => {
    const { client, upstream } = await startPair({ steps: [lines.complete()] });
    expect((await run(client, { signal: AbortSignal.abort() })).outcome).toEqual({ status: 'aborted' });
    expect(upstream.calls).toHaveLength(0);
    expect(upstream.openConnections()).toBe(0);
  });

  it('while it connects ends at once', async () => {
    const controller = new AbortController();
    const { client } = await startPair(
      {},
      {
        lookup: () => {
          setImmediate(() => controller.abort());
          return new Promise(() => {});
        },
        url: 'http://claude-api:8000',
      },
    );
    expect((await run(client, { signal: controller.signal })).outcome).toEqual({ status: 'aborted' });
  });

  it('before the head, within the answer or after a result destroys the connection', async () => {
    const { client, upstream } = await startPair({});
    const midway: UpstreamStep[] = [lines.text('partial'), { hang: true }];
    const cases = [
      { script: { before: [{ hang: true as const }] }, aborted: () => upstream.whenCalled(1) },
      { script: { steps: midway }, aborted: undefined },
      { script: { steps: [lines.result(), lines.text('x'), ...midway] }, aborted: undefined },
    ];
    for (const [index, { script, aborted }] of cases.entries()) {
      upstream.use(script);
      const controller = new AbortController();
      void aborted?.().then(() => controller.abort());
      const { outcome } = await run(client, {
        signal: controller.signal,
        onEvent: ({ type }) => type === 'text' && controller.abort(),
      });
      expect(outcome.status).toBe('aborted');
      expect(await upstream.calls[index]?.closed).toBe('caller');
    }
    expect(upstream.openConnections()).toBe(0);
  });

  it('after the end changes nothing', async () => {
    const { client } = await startPair({ steps: [lines.complete()] });
    const controller = new AbortController();
    const { outcome } = await run(client, { signal: controller.signal });
    controller.abort();
    expect(outcome.status).toBe('completed');
  });

  it('by leaving the loop destroys the connection', async () => {
    const { client, upstream } = await startPair({ steps: [lines.text('a'), { hang: true }] });
    for await (const _ of client.execute(request)) break;
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it('by closing the client ends every call as aborted, also one that is begun later; twice is once', async () => {
    const { client, upstream } = await startPair({ steps: [lines.text('a'), { hang: true }] });
    const running = Array.from({ length: 12 }, () => run(client));
    await upstream.whenCalled(12);
    await client.close();
    await client.close();
    for (const { outcome } of await Promise.all(running)) expect(outcome.status).toBe('aborted');
    expect((await run(client)).outcome).toEqual({ status: 'aborted' });
    expect(await Promise.all(upstream.calls.map(({ closed }) => closed))).toEqual(Array(12).fill('caller'));
    expect(upstream.calls).toHaveLength(12);
  });
});

describe('many calls at once', () => {
  it('have a connection each and leave none behind', async () => {
    const { client, upstream } = await startPair((call) => ({
      steps: [lines.text(String(call.body.question)), { wait: 'all' }, lines.complete()],
    }));
    const running = Array.from({ length: 50 }, () => run(client));
    await upstream.whenCalled(50);
    expect(upstream.openConnections()).toBe(50);
    upstream.release('all');
    for (const { outcome } of await Promise.all(running)) expect(outcome.status).toBe('completed');
    await Promise.all(upstream.calls.map(({ closed }) => closed));
    expect(upstream.openConnections()).toBe(0);
  });
});

/** Deltas of 16 KB, so many characters in all. */
function manyTexts(characters: number): UpstreamStep[] {
  const size = 16_384;
  const text = 'x'.repeat(size);
  return Array.from({ length: characters / size }, () => lines.text(text));
}

describe('a stream that stays open behind the result', () => {
  it('is waited for while claude-api pings: it may take Claude Code a while to exit', async () => {
    const { outcome } = await runScript(
      { steps: [lines.text('first'), lines.result({ result: 'first' }), ...pings(10), lines.complete()] },
      { resultLingerMs: 100, idleMs: 60_000 },
    );
    expect(outcome).toMatchObject({ status: 'completed', evidence: 'complete-line' });
  });

  it('is not waited for beyond the idle limit, pings or not', async () => {
    const { outcome } = await runScript(
      { steps: [lines.text('first'), lines.result({ result: 'first' }), ...pings(40), { hang: true }] },
      { resultLingerMs: 60, idleMs: 100 },
    );
    expect(outcome).toMatchObject({ status: 'completed', evidence: 'result-line' });
  });
});

it('what was changed stands in the end as the complete line has it, where it makes sense', async () => {
  const diff = { bytes: 10, sha256: 'ab'.repeat(32), files: 1 };
  const end = async (said: unknown) => {
    const steps = [lines.text('x'), lines.result({ result: 'x' }), lines.complete({ diff: said })];
    return (await runScript({ steps })).outcome;
  };
  expect(await end(diff)).toMatchObject({ status: 'completed', diff });
  for (const other of ['none', { ...diff, files: -1 }, { ...diff, bytes: 'many' }]) {
    expect(await end(other)).not.toHaveProperty('diff');
  }
});

describe('a result while tasks run in the background', () => {
  const task = { task_id: 'b1', task_type: 'local_bash', description: 'waits' };
  const tasks = (...list: object[]): UpstreamStep => ({
    line: { type: 'system', subtype: 'background_tasks_changed', tasks: list },
  });
  const before = [lines.text('first'), tasks(task), lines.result({ result: 'first' })];
  const limits = { resultLingerMs: 60, idleMs: 150 };
  const session: UpstreamStep = { line: { type: 'system', subtype: 'init', session_id: 's1' } };
  const backgroundTasks = [{ id: 'b1', type: 'local_bash', description: 'waits' }];

  it('is not the end: the answer of the further turn is the result', async () => {
    const turn = [tasks(), lines.text('second'), lines.result({ result: 'second' }), lines.complete()];
    const { outcome } = await runScript(
      { steps: [...before, ...pings(5), ...turn] },
      { ...limits, idleMs: 60_000 },
    );
    expect(outcome).toMatchObject({ status: 'completed', text: 'second', evidence: 'complete-line' });
    expect(outcome).not.toHaveProperty('backgroundTasks');
  });

  it('is ended by the silence of all of them, pings or not, and that names them', async () => {
    const { outcome, upstream } = await runScript(
      { steps: [...before, ...pings(40), { hang: true }] },
      limits,
    );
    expect(outcome).toMatchObject({ status: 'timed_out', limit: 'idle', backgroundTasks });
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it('is not silent while a task puts something out', async () => {
    const output: UpstreamStep[] = [{ line: { type: 'background_output' } }, { delayMs: 200 }];
    const busy = Array.from({ length: 5 }, () => output).flat();
    const turn = [tasks(), lines.text('second'), lines.result({ result: 'second' }), lines.complete()];
    const { outcome } = await runScript({ steps: [...before, ...busy, ...turn] }, { ...limits, idleMs: 800 });
    expect(outcome).toMatchObject({ status: 'completed', text: 'second' });
  });

  it('is no success when they are ended with it, whoever says so', async () => {
    const complete = await runScript({ steps: [...before, lines.complete()] }, limits);
    expect(complete.outcome).toMatchObject({ status: 'failed', code: 'claude_background', backgroundTasks });
    const cut = await runScript({ steps: before }, limits);
    expect(cut.outcome).toMatchObject({ status: 'failed', code: 'upstream_incomplete', backgroundTasks });
  });

  it('is over when the further turn begins, however long the model takes', async () => {
    const turn = [lines.text('second'), lines.result({ result: 'second' }), lines.complete()];
    const steps = [...before, tasks(), session, ...pings(25), ...turn];
    const { outcome } = await runScript({ steps }, { resultLingerMs: 250, idleMs: 60_000 });
    expect(outcome).toMatchObject({ status: 'completed', text: 'second', evidence: 'complete-line' });
  });
});
