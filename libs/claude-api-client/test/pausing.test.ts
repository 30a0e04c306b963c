/** A call whose execution is paused: its limits, its events, and which instance of claude-api is asked. */
import {
  startFaultProxy,
  startScriptedUpstream,
  type UpstreamScript,
  type UpstreamStep,
} from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createClaudeApiClient, type PauseAnswer, type UpstreamEvent } from '../src/index.ts';
import { lines, request, run, startPair } from './running.ts';

type Run = { events: UpstreamEvent[]; answers: PauseAnswer[] };

/** Makes one call, which asks to pause (or to go on) each time an event of this type comes. */
async function runAsking(
  client: ReturnType<typeof createClaudeApiClient>,
  asks: Partial<Record<UpstreamEvent['type'], boolean>>,
  onAnswer: (pause: boolean) => void = () => {},
): Promise<Run> {
  const events: UpstreamEvent[] = [];
  const answers: Promise<PauseAnswer>[] = [];
  const call = client.execute(request);
  for await (const batch of call) {
    for (const event of batch) {
      events.push(event);
      const pause = asks[event.type];
      if (pause !== undefined) answers.push(call.setPaused(pause).finally(() => onAnswer(pause)));
    }
  }
  return { events, answers: await Promise.all(answers) };
}

const types = ({ events }: Run) => events.map(({ type }) => type);

async function startUpstream(
  script: UpstreamScript | (() => UpstreamScript),
  options: Parameters<typeof startScriptedUpstream>[1] = {},
): ReturnType<typeof startScriptedUpstream> {
  const upstream = await startScriptedUpstream(script, options);
  onTestFinished(() => upstream.close());
  return upstream;
}

test('the limits stand still while it is paused, before and after the first output', async () => {
  const pause: UpstreamStep[] = [lines.paused, { delayMs: 300 }, lines.resumed];
  const steps = [lines.start, ...pause, lines.text('a'), ...pause, lines.text('b'), lines.complete()];
  const { client } = await startPair({ steps }, { firstOutputMs: 150, idleMs: 150 });
  const { events, outcome, blocks } = await run(client);
  expect(outcome.status).toBe('completed');
  expect(blocks).toEqual(['ab']);
  expect(events.map(({ type }) => type)).toEqual([
    'started',
    'paused',
    'resumed',
    'text',
    'paused',
    'resumed',
    'text',
  ]);
});

test.each([
  ['firstOutput', [lines.start]],
  ['idle', [lines.start, lines.text('a')]],
] as const)('the limit %s counts on when it is over, with what was left of it', async (limit, before) => {
  const steps = [
    ...before,
    { delayMs: 100 },
    lines.paused,
    { delayMs: 200 },
    lines.resumed,
    { hang: true },
  ] as const;
  const { client } = await startPair({ steps }, { firstOutputMs: 200, idleMs: 200 });
  let resumedAt = 0;
  const { outcome } = await run(client, {
    onEvent: ({ type }) => {
      if (type === 'resumed') resumedAt = performance.now();
    },
  });
  expect(outcome).toMatchObject({ status: 'timed_out', limit });
  expect(performance.now() - resumedAt).toBeLessThan(190);
});

test('a line that says what is known already is no event', async () => {
  const steps = [lines.resumed, lines.paused, lines.paused, lines.resumed, lines.resumed, lines.complete()];
  const { client } = await startPair({ steps });
  const { events } = await run(client);
  expect(events.map(({ type }) => type)).toEqual(['started', 'paused', 'resumed']);
});

test('pausing and resuming are asked of the execution, below the path of the service', async () => {
  const upstream = await startUpstream(
    {
      steps: [
        lines.start,
        { wait: 'pause' },
        lines.paused,
        { wait: 'resume' },
        lines.resumed,
        { wait: 'answered' },
        lines.complete(),
      ],
    },
    {
      control(path) {
        upstream.release(path.split('/').at(-1) ?? '');
        return 200;
      },
    },
  );
  const client = createClaudeApiClient({ url: `${upstream.url}/base/` });
  onTestFinished(() => client.close());
  const ran = await runAsking(client, { started: true, paused: false }, (pause) => {
    if (!pause) upstream.release('answered');
  });
  expect(types(ran)).toEqual(['started', 'paused', 'resumed', 'end']);
  expect(ran.answers).toEqual([{ ok: true }, { ok: true }]);
  expect(upstream.controls).toEqual(['/base/executions/job_1-1/pause', '/base/executions/job_1-1/resume']);
});

test('it is asked of the instance that has the execution, whatever the name stands for meanwhile', async () => {
  let [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const script = () => ({
    steps: [lines.start, { wait: asked.promise }, lines.paused, { wait: answered.promise }, lines.complete()],
  });
  const control = () => {
    asked.resolve();
    return 200;
  };
  const one = await startUpstream(script, { host: '127.0.0.1', control });
  const other = await startUpstream(script, { host: '127.0.0.2', port: one.port, control });
  const both = ['127.0.0.1', '127.0.0.2'];
  const client = createClaudeApiClient({
    url: `http://claude-api.test:${one.port}`,
    lookup: async () => both,
  });
  onTestFinished(() => client.close());
  for (let round = 0; round < 10; round += 1) {
    const earlier = one.calls.length;
    const counts = [one, other].map(({ controls }) => controls.length);
    [asked, answered] = [Promise.withResolvers(), Promise.withResolvers()];
    const { answers } = await runAsking(client, { started: true }, () => answered.resolve());
    expect(answers).toEqual([{ ok: true }]);
    const isOne = one.calls.length > earlier;
    const now = [one, other].map(({ controls }) => controls.length);
    expect(now).toEqual([(counts[0] ?? 0) + (isOne ? 1 : 0), (counts[1] ?? 0) + (isOne ? 0 : 1)]);
  }
});

test.each([
  [404, false],
  [405, false],
  [409, false],
  [429, true],
  [500, true],
])('an answer %i is told, and whether another try may help', async (status, retryable) => {
  const upstream = await startUpstream(
    { steps: [lines.start, { wait: 'answered' }, lines.complete()] },
    { control: () => status },
  );
  const client = createClaudeApiClient({ url: upstream.url });
  onTestFinished(() => client.close());
  const ran = await runAsking(client, { started: true }, () => upstream.release('answered'));
  expect(ran.answers).toEqual([
    { ok: false, reason: `claude-api answered ${status}: {"scripted":true}`, retryable },
  ]);
  expect(types(ran)).toEqual(['started', 'end']);
});

test('an instance that takes no further connection is told as such', async () => {
  const upstream = await startUpstream({ steps: [lines.start, { wait: 'asked' }, lines.complete()] });
  const proxy = await startFaultProxy({ target: { port: upstream.port } });
  const client = createClaudeApiClient({ url: proxy.url('http') });
  onTestFinished(async () => {
    await client.close();
    await proxy.close();
  });
  const call = client.execute(request);
  let answer: PauseAnswer | undefined;
  for await (const batch of call) {
    if (!batch.some(({ type }) => type === 'started')) continue;
    await proxy.set({ refuse: 'refused' });
    answer = await call.setPaused(true);
    upstream.release('asked');
  }
  expect(answer).toMatchObject({ ok: false, retryable: true });
  expect(answer).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') });
});

test('before the connection and after the end there is nothing to pause', async () => {
  const { client, upstream } = await startPair({ steps: [lines.complete()] });
  const call = client.execute(request);
  const refused = { ok: false, reason: 'the execution is not under way', retryable: false };
  expect(await call.setPaused(true)).toEqual(refused);
  await Array.fromAsync(call);
  expect(await call.setPaused(true)).toEqual(refused);
  expect(upstream.controls).toEqual([]);
});

test('a service that says nothing of it in its stream is believed when it answers with success', async () => {
  const headers = { 'content-type': 'text/plain' };
  const steps = [{ raw: 'Hello' }, { delayMs: 3_000 }, { raw: ' world' }];
  const upstream = await startUpstream({ headers, steps });
  const client = createClaudeApiClient({ url: upstream.url, path: '/execute/stream', idleMs: 2_500 });
  onTestFinished(() => client.close());
  const ran = await runAsking(client, { text: true });
  expect(types(ran)).toEqual(['started', 'text', 'paused', 'text', 'end']);
  expect(ran.events.at(-1)).toMatchObject({ outcome: { status: 'completed', text: 'Hello world' } });
});
