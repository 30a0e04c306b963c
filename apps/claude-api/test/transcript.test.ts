/** The proof that an answer was really given: Claude Code's own transcript, by execution. */
import { appendFileSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createDemoEngine } from '../src/demo-engine.ts';
import { openExecutionIndex } from '../src/execution-index.ts';
import {
  type Api,
  claudeEngine,
  isComplete,
  isDelta,
  leftFolders,
  openProfile,
  readUntil,
  silentLogger,
  soleCompletion,
  startApi,
  streamLines,
  temporaryFolder,
} from './harness.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

describe('the real Claude Code', () => {
  beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

  const prompts: Record<string, string> = {
    'a short answer': '[[text: grün 🚀 €]]',
    'an answer in many pieces, after a retry': '[[status: 529 1]] [[chunks: 200]]',
    'a long answer': '[[size: 300000]]',
    'tools at work, and an answer that was begun anew':
      '[[bash: echo 42]] [[bash: seq 1 50]] [[drop-after: 5]] [[chunks: 20]] [[delay: 20]]',
    'a failure': '[[status: 400]]',
  };

  test('what was streamed is what its transcript says, for each execution of a conversation, which remembers; one that was changed afterwards no longer matches', async () => {
    const { engine, home, model } = await realEngine();
    const api = await startApi(engine);
    let conversation: unknown;
    const folders = new Set<unknown>();
    const digests: unknown[] = [];
    for (const [index, question] of Object.values(prompts).entries()) {
      const executionId = `e${index}`;
      const lines = await api.lines({ question, executionId, allowedTools: ['Bash'], conversation });
      const complete = soleCompletion(lines);
      ({ conversation } = complete);
      const { status, body: found } = await api.transcript(executionId);
      expect(status).toBe(200);
      expect([question, found.bytes, found.sha256]).toEqual([question, complete.bytes, complete.digest]);
      expect(found).toMatchObject({ execution_id: executionId, conversation });
      expect(JSON.stringify(model.requests.at(-1)?.body)).toContain('grün 🚀 €');
      folders.add(lines.find(({ subtype }) => subtype === 'init')?.cwd);
      digests.push(complete.digest);
    }
    expect(folders.size).toBe(1);
    expect(leftFolders(engine)).toEqual([]);
    expect((await api.transcript('e0')).body.blocks).toEqual(['grün 🚀 €']);
    expect((await api.transcript('e1')).body.blocks).toEqual([
      Array.from({ length: 200 }, (_, index) => `w${index} `).join(''),
    ]);

    const projects = join(home, '.claude', 'cc-executor', String(conversation), 'projects');
    const folder = join(projects, readdirSync(projects)[0]!);
    const file = join(folder, `${conversation}.jsonl`);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"text":"grün 🚀 €"', '"text":"rot"'));
    const { body } = await api.transcript('e0');
    expect(body.blocks).toEqual(['rot']);
    expect(body.sha256).not.toBe(digests[0]);
    rmSync(file);
    expect((await api.transcript('e0')).body).toMatchObject({ error: { reason: 'transcript_missing' } });
  });
});

async function reason(api: Api, executionId: string) {
  const { status, body } = await api.transcript(executionId);
  expect(status).toBe(404);
  expect(body).toMatchObject({ error: { code: 'not_verifiable' } });
  return (body.error as { reason: string }).reason;
}

describe('what cannot be verified says why', () => {
  test('the demo, transcripts that are not kept, and executions that nobody knows', async () => {
    expect(await reason(await startApi(createDemoEngine()), 'one')).toBe('demo_engine');
    const profile = { ...openProfile, keepTranscripts: false };
    expect(await reason(await startApi(claudeEngine({ profile })), 'one')).toBe('not_kept');
    expect(await reason(await startApi(claudeEngine()), 'one')).toBe('unknown_execution');
  });

  test('an execution under way, and one without a transcript', async () => {
    const api = await startApi(claudeEngine());
    const body = { question: 'hello', model: 'interruptible', executionId: 'one' };
    const lines = streamLines(await api.execute(body));
    await readUntil(lines, isDelta);
    expect(await reason(api, 'one')).toBe('under_way');
    await api.cancel('one');
    await readUntil(lines, isComplete);
    expect(await reason(api, 'one')).toBe('transcript_missing');
  });
});

test('what was kept can still be verified after a restart', async () => {
  const workDir = temporaryFolder();
  const environment = { PATH: process.env.PATH, HOME: workDir };
  const first = await startApi(claudeEngine({ workDir, environment }));
  const body = { question: 'hello', model: 'remembers', executionId: 'one' };
  const complete = soleCompletion(await first.lines(body));
  await first.close();
  const second = await startApi(claudeEngine({ workDir, environment }));
  const { status, body: found } = await second.transcript('one');
  expect(status).toBe(200);
  expect(found).toMatchObject({ bytes: complete.bytes, sha256: complete.digest });
});

describe('the index of executions', () => {
  const entry = (executionId: string, at = Date.now()) => ({ executionId, conversation: 'c', from: 0, at });

  test('forgets what is too old or too much, also in its file', () => {
    const path = join(temporaryFolder(), 'index.jsonl');
    const limits = { maxEntries: 3, maxAgeMs: 60_000 };
    const index = openExecutionIndex(path, limits, silentLogger);
    index.put(entry('old', Date.now() - 61_000));
    expect(index.get('old')).toBeUndefined();
    for (let count = 0; count < 50; count += 1) index.put(entry(`e${count}`));
    expect(index.get('e46')).toBeUndefined();
    expect(index.get('e47')).toBeDefined();
    expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(15);
    const reopened = openExecutionIndex(path, limits, silentLogger);
    expect(reopened.get('e46')).toBeUndefined();
    expect(reopened.get('e49')).toMatchObject({ conversation: 'c' });
  });

  test('follows no link in the place of its file', () => {
    const folder = temporaryFolder();
    const [path, victim] = [join(folder, 'index.jsonl'), join(folder, 'victim')];
    writeFileSync(victim, 'kept');
    symlinkSync(victim, path);
    const limits = { maxEntries: 1, maxAgeMs: 60_000 };
    const index = openExecutionIndex(path, limits, silentLogger);
    for (const name of ['one', 'two', 'three']) index.put(entry(name));
    symlinkSync(victim, `${path}.${process.pid}`);
    rmSync(path);
    for (let count = 0; count < 10; count += 1) index.put(entry(`e${count}`));
    expect(readFileSync(victim, 'utf8')).toBe('kept');
    expect(openExecutionIndex(path, limits, silentLogger).get('e9')).toBeDefined();
  });

  test('survives half a line and a change of an entry', () => {
    const path = join(temporaryFolder(), 'index.jsonl');
    const limits = { maxEntries: 3, maxAgeMs: 60_000 };
    const index = openExecutionIndex(path, limits, silentLogger);
    index.put(entry('one'));
    index.put({ ...entry('one'), to: 7 });
    appendFileSync(path, '{"executionId":"tw');
    expect(openExecutionIndex(path, limits, silentLogger).get('one')).toMatchObject({ to: 7 });
  });
});
