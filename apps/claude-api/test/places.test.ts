/** Workspaces and conversations: what is kept, what is locked, and that nothing leads out. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { findContainment } from '../src/containment.ts';
import { acquireLock } from '../src/folder-lock.ts';
import {
  type Api,
  claudeEngine,
  isComplete,
  isDelta,
  type Line,
  leftFolders,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
  temporaryFolder,
} from './harness.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

const model = 'remembers';

async function setUp() {
  const workspacesDir = join(temporaryFolder(), 'workspaces');
  const engine = claudeEngine({ workspacesDir });
  return { api: await startApi(engine), engine, workspacesDir };
}

type Memory = {
  before: number;
  found: string[];
  cwd: string;
  resumed: boolean;
};

async function ask(api: Api, body: object): Promise<Memory & { conversation: string }> {
  const lines = await api.lines({ question: 'hello', model, ...body });
  const complete = soleCompletion(lines);
  expect(complete.status).toBe('success');
  const result = JSON.parse(lines.find((line) => line.type === 'result')?.result as string) as Memory;
  return { ...result, conversation: complete.conversation as string };
}

async function refused(api: Api, body: object) {
  const response = await api.execute({ question: 'hello', model, ...body });
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, retryAfter: response.headers.get('retry-after'), ...error };
}

describe('workspaces', () => {
  test('a named one is kept, for those who name it only', async () => {
    const { api, workspacesDir } = await setUp();
    expect((await ask(api, { workspace: 'one' })).found).toEqual([]);
    const again = await ask(api, { workspace: 'one' });
    expect(again).toMatchObject({ found: ['kept'], cwd: join(workspacesDir, 'one'), resumed: false });
    expect((await ask(api, { workspace: 'two' })).found).toEqual([]);
    expect((await ask(api, {})).found).toEqual([]);
  });

  test('are refused where the operator keeps none', async () => {
    const api = await startApi(claudeEngine());
    const refusal = await refused(api, { workspace: 'one' });
    expect(refusal).toMatchObject({ status: 403, code: 'workspaces_off' });
    expect(refusal.message).toContain('CLAUDE_WORKSPACES_DIR');
  });

  test('one that is in use is refused with Retry-After, and free when its execution has ended', async () => {
    const { api } = await setUp();
    const body = { question: 'wait', model, workspace: 'one', executionId: 'e' };
    const lines = streamLines(await api.execute(body));
    await readUntil(lines, isDelta);
    const refusal = await refused(api, { workspace: 'one' });
    expect(refusal).toMatchObject({ status: 409, code: 'workspace_busy', retryAfter: '5' });
    expect((await ask(api, { workspace: 'two' })).found).toEqual([]);
    await api.cancel('e');
    await readUntil(lines, isComplete);
    expect((await ask(api, { workspace: 'one' })).found).toEqual(['kept']);
  });

  test('one that another process uses is refused, until that process or its lock is gone', async () => {
    const { api, workspacesDir } = await setUp();
    const lock = join(workspacesDir, '.locks', 'one');
    mkdirSync(join(workspacesDir, '.locks'), { recursive: true });
    // Of another container: only its silence can tell.
    writeFileSync(lock, '1.2.3');
    expect(await refused(api, { workspace: 'one' })).toMatchObject({ code: 'workspace_busy' });
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(lock, longAgo, longAgo);
    expect((await ask(api, { workspace: 'one' })).found).toEqual([]);
    expect(existsSync(lock)).toBe(false);
  });

  test('a link in place of the folder is refused, also one that an execution has made', async () => {
    const { api, workspacesDir } = await setUp();
    mkdirSync(workspacesDir);
    symlinkSync(temporaryFolder(), join(workspacesDir, 'link'));
    expect(await refused(api, { workspace: 'link' })).toMatchObject({
      status: 400,
      code: 'workspace_invalid',
    });
    // Only where nothing keeps it from other workspaces.
    const open = await startApi(
      claudeEngine({ workspacesDir, containment: findContainment('off', process.env) }),
    );
    await ask(open, { question: 'escape', workspace: 'one' });
    expect(await refused(api, { workspace: 'other' })).toMatchObject({ code: 'workspace_invalid' });
  });

  test('a lock is taken by one of many', async () => {
    const path = join(temporaryFolder(), 'lock');
    const stale = new Date(0);
    writeFileSync(path, '1.2.3');
    utimesSync(path, stale, stale);
    const locks = await Promise.all(Array.from({ length: 20 }, () => acquireLock(path)));
    const taken = locks.filter((lock) => lock !== undefined);
    expect(taken).toHaveLength(1);
    expect(await acquireLock(path)).toBeUndefined();
    await taken[0]?.release();
    const next = await acquireLock(path);
    expect(next).toBeDefined();
    await next?.release();
  });
});

test('nothing runs in a work folder that somebody has put in the place of ours', async () => {
  const { api, engine } = await setUp();
  await ask(api, {});
  const theirs = temporaryFolder();
  rmSync(engine.workDir, { recursive: true });
  symlinkSync(theirs, engine.workDir);
  const complete = soleCompletion(await api.lines({ question: 'hello', model }));
  expect(complete).toMatchObject({ status: 'error', error: { code: 'work_folder' } });
  expect(JSON.stringify(complete)).toContain('is a link');
  expect(readdirSync(theirs)).toEqual([]);
  unlinkSync(engine.workDir);
  await ask(api, {});
});

describe('conversations', () => {
  test('one goes on at the same path, in an empty folder, which is removed again', async () => {
    const { api, engine } = await setUp();
    const first = await ask(api, {});
    expect(first).toMatchObject({ before: 0, resumed: false });
    const second = await ask(api, { conversation: first.conversation });
    expect(second).toEqual({ ...first, before: 1, resumed: true });
    expect(leftFolders(engine)).toEqual([]);
    expect((await ask(api, {})).conversation).not.toBe(first.conversation);
  });

  test('one that was begun in a workspace goes on there, with its files, and nowhere else', async () => {
    const { api } = await setUp();
    const first = await ask(api, { workspace: 'one' });
    const second = await ask(api, { conversation: first.conversation });
    expect(second).toMatchObject({ before: 1, found: ['kept'], cwd: first.cwd });
    expect((await ask(api, { conversation: first.conversation, workspace: 'one' })).before).toBe(2);
    const elsewhere = await refused(api, { conversation: first.conversation, workspace: 'two' });
    expect(elsewhere).toMatchObject({ status: 400, code: 'conversation_elsewhere' });
    expect(elsewhere.message).toContain('the workspace one');
  });

  test('an unknown one is not found, nor one that was not begun here', async () => {
    const { api, engine } = await setUp();
    const conversation = '11111111-2222-4333-8444-555555555555';
    const unknown = await refused(api, { conversation });
    expect(unknown).toMatchObject({ status: 404, code: 'conversation_unknown' });
    expect(unknown.message).toContain(conversation);
    const folder = join(engine.workDir, '.claude', 'projects', '-home-user');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${conversation}.jsonl`), `${JSON.stringify({ cwd: '/home/user' })}\n`);
    expect(await refused(api, { conversation })).toMatchObject({ code: 'conversation_unknown' });
  });

  test('one that is under way is refused with Retry-After', async () => {
    const { api } = await setUp();
    const { conversation } = await ask(api, {});
    const body = { question: 'wait', model, conversation, executionId: 'e' };
    const lines = streamLines(await api.execute(body));
    await readUntil(lines, isDelta);
    const refusal = await refused(api, { conversation });
    expect(refusal).toMatchObject({ status: 409, code: 'conversation_busy', retryAfter: '5' });
    await api.cancel('e');
    expect((await readUntil(lines, isComplete)).conversation).toBe(conversation);
    expect((await ask(api, { conversation })).before).toBe(2);
  });

  test('nothing of a lock is left', async () => {
    const { api, engine, workspacesDir } = await setUp();
    await ask(api, { workspace: 'one' });
    await ask(api, {});
    expect(readdirSync(join(engine.workDir, 'locks'))).toEqual([]);
    expect(readdirSync(join(workspacesDir, '.locks'))).toEqual([]);
  });
});

describe('the real Claude Code', () => {
  beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

  const said = (lines: readonly Line[]) => lines.find((line) => line.type === 'result')?.result;
  const cwdOf = (lines: readonly Line[]) => lines.find((line) => line.subtype === 'init')?.cwd;

  // In a fresh folder: where its transcripts are looked at.
  test('remembers in a workspace what was said before', async () => {
    const { model: standIn, engine } = await realEngine({ workspacesDir: temporaryFolder() });
    const api = await startApi(engine);
    const first = await api.lines({ question: 'my number is 4711', workspace: 'w' });
    const { conversation } = soleCompletion(first);
    const second = await api.lines({ question: 'what was it?', conversation });
    expect(said(second)).toBe('You said: what was it?');
    expect(soleCompletion(second)).toMatchObject({ status: 'success', conversation });
    expect(JSON.stringify(standIn.requests.at(-1)?.body)).toContain('my number is 4711');
    expect(cwdOf(second)).toBe(cwdOf(first));
    expect(leftFolders(engine)).toEqual([]);
  });
});
