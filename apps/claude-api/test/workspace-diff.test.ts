/** Diffs of workspaces, with the real Git, in repositories whose owner means harm. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobDiffLimits } from '../src/claude-engine.ts';
import { createDemoEngine } from '../src/demo-engine.ts';
import {
  type ApiOptions,
  bestContainment,
  claudeEngine,
  fakeCli,
  soleCompletion,
  startApi,
  temporaryFolder,
} from './harness.ts';

const hasGit = (() => {
  try {
    return execFileSync('git', ['--version']).length > 0;
  } catch {
    return false;
  }
})();

function git(cwd: string, ...args: string[]): string {
  const identity = [
    '-c',
    'user.name=n',
    '-c',
    'user.email=e@example.org',
    '-c',
    'protocol.file.allow=always',
  ];
  return execFileSync('git', [...identity, ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** A repository with one commit. */
function makeRepository(folder: string, files: Record<string, string>): string {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '-q', '-b', 'main');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  git(folder, 'add', '-A');
  git(folder, 'commit', '-qm', 'first');
  return git(folder, 'rev-parse', 'HEAD').trim();
}

/** A Claude Code that leaves a line in `made` each time. */
function writingCli(): string {
  const path = join(temporaryFolder(), 'claude');
  writeFileSync(path, `#!/bin/sh\necho made >> made\nexec '${fakeCli()}' "$@"\n`, { mode: 0o755 });
  return path;
}

async function start(limits: ApiOptions['limits'] = {}, jobDiffs?: JobDiffLimits) {
  const root = join(temporaryFolder(), 'workspaces');
  mkdirSync(root);
  const engine = claudeEngine({ workspacesDir: root, jobDiffs, bin: writingCli() });
  const { workDir } = engine;
  const api = await startApi(engine, { workspacesDir: root, workDir, limits });
  const { url } = api;
  async function diff(workspace = 'mine'): Promise<{ status: number; text: string; code?: string }> {
    const response = await fetch(`${url}/workspaces/${workspace}/diff`);
    const text = await response.text();
    const { status } = response;
    return status === 200 ? { status, text } : { status, text, code: JSON.parse(text).error.code };
  }
  const run = async () => soleCompletion(await api.lines({ question: 'hello', workspace: 'mine' }));
  return { url, root, workspace: join(root, 'mine'), workDir, diff, run };
}

/** Lines that a diff adds or takes away. */
const changed = (text: string) => text.split('\n').filter((line) => /^[+-](?![+-]{2} )/.test(line));

describe('the diff of a workspace', () => {
  beforeEach(({ skip }) => skip(!hasGit || process.platform !== 'linux', 'there is no Git here'));

  it('is what was changed, taken away and made since the commit, and nothing that is ignored', async () => {
    const { workspace, workDir, diff } = await start();
    makeRepository(workspace, {
      '.gitignore': 'ignored\n',
      kept: 'as it was\n',
      gone: 'gone\n',
      other: 'one\n',
    });
    expect(await diff()).toEqual({ status: 200, text: '' });
    writeFileSync(join(workspace, 'other'), 'two\n');
    rmSync(join(workspace, 'gone'));
    mkdirSync(join(workspace, 'folder'));
    writeFileSync(join(workspace, 'folder', 'new [a] ä'), 'new\n');
    writeFileSync(join(workspace, 'ignored'), 'ignored\n');
    writeFileSync(join(workspace, 'binary'), Buffer.from([0, 1, 2]));
    symlinkSync('/etc/passwd', join(workspace, 'link'));
    const { text } = await diff();
    expect(changed(text)).toEqual(['+new', '-gone', '+/etc/passwd', '-one', '+two']);
    expect(text).toContain('Binary files /dev/null and b/binary differ');
    // Nothing of it is left: neither in the repository nor beside it.
    expect(git(workspace, 'status', '--porcelain=v1').split('\n')).toContain('?? binary');
    expect(readdirSync(workDir).filter((name) => name.startsWith('temporary-'))).toEqual([]);
    git(workspace, 'pack-refs', '--all');
    git(workspace, 'gc', '-q');
    expect((await diff()).text).toBe(text);
    git(workspace, 'checkout', '-q', '--detach');
    expect((await diff()).text).toBe(text);
  });

  it('is against nothing before the first commit', async () => {
    const { workspace, diff } = await start();
    mkdirSync(workspace);
    git(workspace, 'init', '-q');
    writeFileSync(join(workspace, 'a'), 'first\n');
    expect(changed((await diff()).text)).toEqual(['+first']);
  });

  it('runs nothing that a repository, or one within it, asks for', async () => {
    const { workspace, diff } = await start();
    const submodule = join(temporaryFolder(), 'submodule');
    makeRepository(submodule, { inner: 'inner\n' });
    makeRepository(workspace, { '.gitattributes': '* filter=evil diff=evil merge=evil\n', a: 'one\n' });
    git(workspace, 'submodule', 'add', '-q', submodule, 'sub');
    git(workspace, 'commit', '-qm', 'second');
    const nested = join(workspace, 'nested');
    makeRepository(nested, { deep: 'deep\n' });
    const evil = `touch '${join(workspace, 'harm')}'; cat`;
    const hook = join(workspace, '.git', 'evil');
    writeFileSync(hook, `#!/bin/sh\n${evil}\n`, { mode: 0o755 });
    for (const folder of [workspace, nested, join(workspace, 'sub')]) {
      for (const [key, value] of Object.entries({
        'core.fsmonitor': hook,
        'core.hooksPath': join(workspace, '.git'),
        'core.pager': evil,
        'core.sshCommand': evil,
        'diff.external': evil,
        'diff.evil.textconv': evil,
        'diff.evil.command': evil,
        'filter.evil.clean': evil,
        'filter.evil.smudge': evil,
        'filter.evil.process': evil,
        'filter.evil.required': 'true',
      })) {
        git(folder, 'config', key, value);
      }
      writeFileSync(join(folder, 'changed'), 'changed\n');
    }
    writeFileSync(join(workspace, 'a'), 'two\n');
    rmSync(join(workspace, 'harm'), { force: true });
    const { status, text } = await diff();
    expect(existsSync(join(workspace, 'harm'))).toBe(false);
    expect([status, changed(text)]).toEqual([200, ['-one', '+two', '+changed']]);
    // What is asked for is harm, where somebody listens.
    spawnSync('git', ['status'], { cwd: workspace, stdio: 'ignore' });
    expect(existsSync(join(workspace, 'harm'))).toBe(true);
  });

  it('shows nothing of what objects or links lead to', async ({ skip }) => {
    const { root, workspace, diff } = await start();
    const theirs = join(root, 'theirs');
    const commit = makeRepository(theirs, { secret: 'of somebody else\n' });
    makeRepository(workspace, { a: 'mine\n' });
    writeFileSync(join(workspace, '.git', 'refs', 'heads', 'main'), `${commit}\n`);
    writeFileSync(join(workspace, '.git', 'objects', 'info', 'alternates'), join(theirs, '.git', 'objects'));
    skip(bestContainment().hides === 'nothing', 'nothing can be hidden here');
    const led = await diff();
    expect([led.status, led.code]).toEqual([409, 'diff_unavailable']);
    expect(led.text).not.toContain('somebody');
    const aside = join(workspace, 'aside');
    renameSync(join(workspace, '.git'), aside);
    symlinkSync(join(theirs, '.git'), join(workspace, '.git'));
    expect((await diff()).code).toBe('file_refused');
    rmSync(join(workspace, '.git'));
    writeFileSync(join(workspace, '.git'), `gitdir: ${join(theirs, '.git')}\n`);
    expect((await diff()).code).toBe('file_refused');
    rmSync(join(workspace, '.git'));
    renameSync(aside, join(workspace, '.git'));
    const head = join(workspace, '.git', 'HEAD');
    for (const text of ['ref: refs/../../../theirs/.git/HEAD', 'ref: /etc/passwd', `${commit} `, '-x']) {
      writeFileSync(head, text);
      expect((await diff()).status, text).toBeGreaterThanOrEqual(400);
    }
    rmSync(head);
    execFileSync('mkfifo', [head]);
    expect((await diff()).code).toBe('file_refused');
  });

  it('is bounded in size and time, and whatever Git waits for is ended', async () => {
    const { workspace, workDir, diff } = await start({ diffMaxBytes: 10_000, diffTimeoutMs: 700 });
    makeRepository(workspace, { a: 'one\n' });
    writeFileSync(join(workspace, 'large'), 'line\n'.repeat(10_000));
    expect((await diff()).code).toBe('file_too_large');
    rmSync(join(workspace, 'large'));
    execFileSync('mkfifo', [join(workspace, '.gitignore')]);
    const waited = await diff();
    expect([waited.code, waited.text]).toEqual(['file_too_large', expect.stringContaining('700 ms')]);
    expect(readdirSync(workDir).filter((name) => name.startsWith('temporary-'))).toEqual([]);
    const [git = ''] = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`GIT_WORK_TREE=${workspace}`);
        } catch {
          return false;
        }
      });
    expect(git).toBe('');
  });

  it('is since the start of the last job where there is no repository; what that changed is kept with it', async () => {
    const bounds = { maxBytes: 10_000, maxNames: 10, timeoutMs: 20_000, keptMs: 60_000 };
    const { url, workspace, diff, run } = await start(
      {},
      { ...bounds, diffMaxBytes: 10_000, diffTimeoutMs: 20_000 },
    );
    mkdirSync(workspace);
    writeFileSync(join(workspace, 'a'), 'one\n');
    writeFileSync(join(workspace, '.gitattributes'), '* filter=lfs\n');
    symlinkSync('/etc/passwd', join(workspace, 'link'));
    expect((await diff()).code).toBe('diff_unavailable');
    const first = await run();
    const { text } = await diff();
    expect(changed(text)).toEqual(['+made']);
    const sha256 = createHash('sha256').update(text).digest('hex');
    expect(first).toMatchObject({ status: 'success', diff: { bytes: text.length, sha256, files: 1 } });
    writeFileSync(join(workspace, 'a'), 'two\n');
    expect(changed((await diff()).text)).toEqual(['-one', '+two', '+made']);
    expect((await run()).diff).toMatchObject({ files: 1 });
    // What is too much to be noted is not compared with what was before, and costs no job.
    writeFileSync(join(workspace, 'large'), Buffer.alloc(20_000));
    const third = await run();
    expect([third.status, third.diff]).toEqual(['success', undefined]);
    expect((await diff()).code).toBe('diff_unavailable');
    rmSync(join(workspace, 'large'));
    // Also of a repository: what was there before is no part of it.
    git(workspace, 'init', '-q');
    expect((await run()).diff).toMatchObject({ files: 1 });
    expect(changed((await diff()).text)).toContain('+two');
    rmSync(workspace, { recursive: true });
    const kept = await fetch(`${url}/executions/${encodeURIComponent(String(first.execution_id))}/diff`);
    expect([kept.status, await kept.text()]).toEqual([200, text]);
    expect((await fetch(`${url}/executions/other/diff`)).status).toBe(409);
  });

  it('is of repositories, and of the real engine', async () => {
    const { workspace, diff, root } = await start();
    mkdirSync(workspace);
    expect([await diff(), await diff('none')].map(({ code }) => code)).toEqual([
      'diff_unavailable',
      'workspace_not_found',
    ]);
    const { url } = await startApi(createDemoEngine(), { workspacesDir: root });
    expect((await fetch(`${url}/workspaces/mine/diff`)).status).toBe(409);
  });
});
