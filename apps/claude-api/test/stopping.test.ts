/** Every way an execution is stopped from outside, and what must be gone afterwards. */
import { expect, test } from 'vitest';
import type { Engine } from '../src/engine.ts';
import {
  type Api,
  claudeEngine,
  isComplete,
  isDelta,
  leftFolders,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
} from './harness.ts';

const limits = { maxExecutions: 2, executionTimeoutMs: 60_000, pingMs: 60_000 };

/** Starts an execution and returns when the CLI has put out its first text. */
async function begin(api: Api, body: { model: string; executionId?: string }, signal?: AbortSignal) {
  const response = await api.execute({ question: 'hello', ...body }, signal === undefined ? {} : { signal });
  const lines = streamLines(response);
  await readUntil(lines, isDelta);
  return lines;
}

/** Tells when the engine's runs have settled, for callers whose response is gone. */
function observe(engine: Engine) {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const run: Engine['run'] = (...args) => engine.run(...args).finally(resolve);
  return { engine: { ...engine, run }, ended };
}

test('DELETE cancels: exit code 0 after the interrupt is not a success', async () => {
  const engine = claudeEngine();
  const api = await startApi(engine);
  const lines = await begin(api, { model: 'interruptible', executionId: 'one' });
  expect(await api.cancel('one')).toBe(202);
  const complete = await readUntil(lines, isComplete);
  expect(complete).toMatchObject({ execution_id: 'one', status: 'cancelled', exit_code: 0, bytes: 7 });
  expect((await lines.next()).done).toBe(true);
  expect(await api.cancel('one')).toBe(404);
  expect(leftFolders(engine)).toEqual([]);
});

test('a CLI that ignores SIGINT and SIGTERM is killed', async () => {
  const api = await startApi(claudeEngine({ stopGraceMs: 100 }));
  const lines = await begin(api, { model: 'stubborn', executionId: 'one' });
  await api.cancel('one');
  expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled', exit_code: null });
});

test('a caller that goes away takes its execution along', async () => {
  const base = claudeEngine();
  const { engine, ended } = observe(base);
  const api = await startApi(engine);
  const caller = new AbortController();
  await begin(api, { model: 'silent', executionId: 'one' }, caller.signal);
  caller.abort();
  await ended;
  expect(leftFolders(base)).toEqual([]);
  expect(await api.cancel('one')).toBe(404);
});

test('an execution that takes too long ends as timeout and keeps what came', async () => {
  const api = await startApi(claudeEngine(), { limits: { ...limits, executionTimeoutMs: 1_000 } });
  const lines = await api.lines({ question: 'hello', model: 'silent' });
  expect(lines.filter(isDelta)).toHaveLength(1);
  expect(soleCompletion(lines)).toMatchObject({ status: 'timeout', bytes: 7, error: { code: 'timeout' } });
});

test('a request may ask for less time than the server gives, not for more', async () => {
  const api = await startApi(claudeEngine(), { limits: { ...limits, executionTimeoutMs: 2_000 } });
  const took = async (timeoutMs: number) => {
    const since = performance.now();
    const lines = await api.lines({ question: 'hello', model: 'silent', timeoutMs });
    expect(soleCompletion(lines)).toMatchObject({ status: 'timeout' });
    return performance.now() - since;
  };
  const [asked, ceiling] = await Promise.all([took(300), took(3_600_000)]);
  expect(asked).toBeLessThan(ceiling);
  expect(ceiling).toBeGreaterThan(1_900);
});

test('a silent CLI is bridged with pings', async () => {
  const api = await startApi(claudeEngine(), { limits: { ...limits, pingMs: 30 } });
  const lines = await begin(api, { model: 'interruptible', executionId: 'one' });
  await readUntil(lines, (line) => line.type === 'ping');
  await readUntil(lines, (line) => line.type === 'ping');
  await api.cancel('one');
  expect((await readUntil(lines, isComplete)).status).toBe('cancelled');
});

test('an id that is under way is refused, and free again afterwards', async () => {
  const api = await startApi(claudeEngine());
  const lines = await begin(api, { model: 'interruptible', executionId: 'one' });
  const second = await api.execute({ question: 'hello', executionId: 'one' });
  expect(second.status).toBe(409);
  expect(await second.json()).toMatchObject({ error: { code: 'duplicate_execution' } });
  await api.cancel('one');
  await readUntil(lines, isComplete);
  expect(soleCompletion(await api.lines({ question: 'hello', executionId: 'one' })).status).toBe('success');
});

test('at capacity an execution is refused with Retry-After, and accepted when there is room', async () => {
  const api = await startApi(claudeEngine(), { limits });
  const first = await begin(api, { model: 'interruptible', executionId: 'one' });
  const second = await begin(api, { model: 'interruptible', executionId: 'two' });
  const third = await api.execute({ question: 'hello' });
  expect(third.status).toBe(429);
  expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
  await api.cancel('one');
  await readUntil(first, isComplete);
  expect(soleCompletion(await api.lines({ question: 'hello' })).status).toBe('success');
  await api.cancel('two');
  await readUntil(second, isComplete);
});

test('a drain refuses new executions, stops the running ones and ends their streams', async () => {
  const engine = claudeEngine();
  const api = await startApi(engine, { drainMs: 1_000 });
  const lines = await begin(api, { model: 'interruptible' });
  const closed = api.close();
  const refused = await api.execute({ question: 'hello' });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fetch(`${api.url}/ready`)).status).toBe(503);
  expect(await readUntil(lines, isComplete)).toMatchObject({
    status: 'error',
    error: { code: 'shutting_down' },
  });
  await lines.return(undefined);
  await closed;
  await expect(fetch(`${api.url}/health`)).rejects.toThrow();
  expect(leftFolders(engine)).toEqual([]);
});

test('a drain lets a running execution finish in time', async () => {
  const api = await startApi(claudeEngine(), { drainMs: 20_000 });
  const response = await api.execute({ question: 'hello', model: 'manyLines' });
  const closed = api.close();
  const lines = await Array.fromAsync(streamLines(response));
  expect(soleCompletion(lines).status).toBe('success');
  await closed;
});

test('stopping an execution whose caller does not read ends it all the same', async () => {
  const base = claudeEngine();
  const { engine, ended } = observe(base);
  const api = await startApi(engine);
  const lines = await begin(api, { model: 'floods', executionId: 'one' });
  expect(await api.cancel('one')).toBe(202);
  await ended;
  expect(leftFolders(base)).toEqual([]);
  // What had been written before is still there, and the end of it too.
  const rest = await Array.fromAsync(lines);
  expect(rest.filter(isComplete)).toHaveLength(1);
  expect(rest.at(-1)).toMatchObject({ type: 'complete', status: 'cancelled' });
  expect(rest.filter(isDelta).length).toBeLessThan(640);
});
