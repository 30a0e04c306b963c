/** Jobs that begin from a repository or an archive, with the real Git over HTTP, and from what means harm. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { findWay } from '../src/sources/way.ts';
import {
  claudeEngine,
  isComplete,
  type Line,
  leftFolders,
  openPolicy,
  readUntil,
  soleCompletion,
  startApi,
  streamLines,
  temporaryFolder,
} from './harness.ts';
import { git, hasGit, serveSources, tar, tarEntry } from './sources.ts';

const BOUNDS = { maxBytes: 100_000, maxNames: 50, timeoutMs: 20_000 };
const DIFFS = { ...BOUNDS, keptMs: 60_000, diffMaxBytes: 100_000, diffTimeoutMs: 20_000 };

/** A Claude Code that changes what it finds, and keeps what that was: a shell, which starts much faster than Node. */
function changingCli(): string {
  const path = join(temporaryFolder(), 'claude');
  const result = '{"type":"result","subtype":"success","is_error":false,"result":"changed"}';
  const script =
    '#!/bin/sh\ncat > /dev/null\nls -A >> "$0.seen"\nfor f in a ignored; do [ -f $f ] && echo changed > $f; done\necho new > new\n';
  writeFileSync(path, `${script}echo '${result}'\n`, { mode: 0o755 });
  return path;
}

async function start(more: { sources?: string[]; timeoutMs?: number; isProxied?: boolean } = {}) {
  const server = await serveSources();
  const root = join(temporaryFolder(), 'workspaces');
  mkdirSync(root);
  const { sources = [server.origin], timeoutMs = BOUNDS.timeoutMs, isProxied } = more;
  const bin = changingCli();
  const beginnings = { ...BOUNDS, timeoutMs, sources, diffs: DIFFS };
  const environment = { PATH: process.env.PATH, HOME: root, ...(isProxied && { http_proxy: server.origin }) };
  const engine = claudeEngine({ workspacesDir: root, bin, beginnings, environment });
  const { workDir } = engine;
  const api = await startApi(engine, { workspacesDir: root, workDir, policy: { ...openPolicy, sources } });
  const run = async (from: object, workspace?: string) => {
    const lines = await api.lines({ question: 'hello', from, ...(workspace && { workspace }) });
    const {
      status,
      error,
      diff,
      execution_id: id,
    } = soleCompletion(lines) as Line & { error?: { code: string; message: string } };
    return {
      status,
      code: error?.code,
      message: error?.message ?? '',
      diff,
      id: String(id),
      notices: lines.filter(({ type }) => type === 'source'),
    };
  };
  /** What Claude Code found, each time that it was started. */
  const seen = () => (existsSync(`${bin}.seen`) ? readFileSync(`${bin}.seen`, 'utf8') : '');
  /** Besides what is whole: nothing. */
  const left = () => [
    ...leftFolders(engine),
    ...readdirSync(workDir).filter((name) => /^(?:execution|temporary)-/.test(name)),
    ...['.staging', '.incoming'].flatMap((name) => readAll(join(root, name))),
    ...readAll(join(workDir, '.snapshots')),
  ];
  return { ...server, root, workDir, api, run, seen, left };
}

function readAll(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** A repository with a branch, a tag and an earlier commit. */
function makeRepository(
  repositories: string,
  name = 'site',
): { first: string; last: string; folder: string } {
  const folder = join(repositories, name);
  mkdirSync(folder);
  git(folder, 'init', '-q', '-b', 'main');
  writeFileSync(join(folder, 'a'), 'one\n');
  writeFileSync(join(folder, '.gitignore'), 'ignored\n');
  writeFileSync(join(folder, 'ignored'), 'tracked all the same\n');
  git(folder, 'add', '-Af');
  git(folder, 'commit', '-qm', 'first');
  git(folder, 'tag', '-am', 'v1', 'v1');
  const first = git(folder, 'rev-parse', 'HEAD').trim();
  git(folder, 'checkout', '-qb', 'feature/b');
  writeFileSync(join(folder, 'b'), 'of a branch\n');
  git(folder, 'add', '-A');
  git(folder, 'commit', '-qm', 'second');
  const last = git(folder, 'rev-parse', 'HEAD').trim();
  git(folder, 'checkout', '-q', 'main');
  return { first, last, folder };
}

const changed = (text: string) => text.split('\n').filter((line) => /^[+-](?![+-]{2} )/.test(line));

beforeEach(({ skip }) => skip(!hasGit || process.platform !== 'linux', 'there is no Git here, or no Linux'));

describe('a job that begins from a repository', () => {
  it('has the commit of HEAD, a branch, a tag or an id; its diff is against that, and stays when all else goes', async () => {
    const { api, origin, repositories, run, seen, left } = await start();
    const { first, last } = makeRepository(repositories);
    const address = `${origin}/git/site`;
    const ran = await run({ git: address });
    expect(ran).toMatchObject({ status: 'success', diff: { files: 3 } });
    expect(ran.notices).toEqual([
      { type: 'source', content: `fetching ${address}` },
      { type: 'source', content: `${address} has come at commit ${first}`, commit: first },
    ]);
    const kept = await (await fetch(`${api.url}/executions/${ran.id}/diff`)).text();
    expect(changed(kept)).toEqual(['-one', '+changed', '-tracked all the same', '+changed', '+new']);
    expect(seen().split('\n')).toEqual(['.git', '.gitignore', 'a', 'ignored', '']);
    expect(left()).toEqual([]);
    for (const [ref, commit] of Object.entries({ 'feature/b': last, v1: first, [last]: last, main: first })) {
      const other = await run({ git: address, ref, depth: 2 });
      expect([ref, other.status, other.notices[1]?.commit]).toEqual([ref, 'success', commit]);
    }
  });

  it('fills a named workspace once, and no other', async () => {
    const { origin, repositories, root, run, left } = await start();
    makeRepository(repositories);
    const from = { git: `${origin}/git/site`, ref: 'main' };
    expect(await run(from, 'mine')).toMatchObject({ status: 'success', diff: { files: 3 } });
    expect(git(join(root, 'mine'), 'status', '--porcelain=v1').split('\n')).toContain('?? new');
    const again = await run(from, 'mine');
    expect(again).toMatchObject({ status: 'success', notices: [{ isThere: true }] });
    expect(readFileSync(join(root, 'mine', 'a'), 'utf8')).toBe('changed\n');
    expect(await run({ ...from, ref: 'v1' }, 'mine')).toMatchObject({
      status: 'error',
      code: 'source_occupied',
    });
    mkdirSync(join(root, 'theirs'));
    writeFileSync(join(root, 'theirs', 'file'), 'theirs');
    expect((await run(from, 'theirs')).code).toBe('source_occupied');
    expect(readdirSync(join(root, 'theirs'))).toEqual(['file']);
    // Another folder of that name did not begin from anything.
    execFileSync('rm', ['-r', join(root, 'mine')]);
    mkdirSync(join(root, 'mine'));
    writeFileSync(join(root, 'mine', 'file'), 'new');
    expect((await run(from, 'mine')).code).toBe('source_occupied');
    expect(left()).toEqual([]);
  });

  it('fails where it cannot be fetched, is too much, or leads out of the workspace; and Claude Code is not started', async () => {
    const { origin, repositories, others, root, run, seen, left } = await start();
    makeRepository(repositories);
    others.set('/git/private/info/refs', (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
    });
    others.set('/git/moved/info/refs', (_request, response) => {
      response.writeHead(301, { location: `${origin}/git/site/info/refs?service=git-upload-pack` }).end();
    });
    const large = makeRepository(repositories, 'large').folder;
    writeFileSync(join(large, 'large'), 'x'.repeat(BOUNDS.maxBytes));
    const many = makeRepository(repositories, 'many').folder;
    for (let n = 0; n < BOUNDS.maxNames; n += 1) writeFileSync(join(many, `file-${n}`), 'x');
    const linked = makeRepository(repositories, 'linked').folder;
    symlinkSync('/etc/passwd', join(linked, 'link'));
    for (const folder of [large, many, linked]) {
      git(folder, 'add', '-A');
      git(folder, 'commit', '-qm', 'harm');
    }
    const cases: [from: object, code: string, message: RegExp][] = [
      [{ git: `${origin}/git/none` }, 'source_unreachable', /not found/],
      [{ git: `${origin}/git/site`, ref: 'none' }, 'source_unreachable', /couldn't find remote ref none/],
      [{ git: `${origin}/git/private` }, 'source_unreachable', /terminal prompts disabled/],
      [{ git: `${origin}/git/moved` }, 'source_unreachable', /redirect|301/],
      [{ git: `${origin}/git/large` }, 'source_too_large', /CLAUDE_ARCHIVE_MAX_BYTES/],
      [{ git: `${origin}/git/many` }, 'source_too_large', /CLAUDE_FILES_MAX/],
      [{ git: `${origin}/git/linked` }, 'source_invalid', /link leads out/],
    ];
    for (const [from, code, message] of cases) {
      const ran = await run(from, 'mine');
      expect([ran.status, ran.code, ran.message]).toEqual(['error', code, expect.stringMatching(message)]);
    }
    expect([readdirSync(join(root, 'mine')), left(), seen()]).toEqual([[], [], '']);
  });

  it('runs nothing that the repository asks for, and fetches no submodule', async () => {
    const { origin, repositories, root, run } = await start();
    const { folder } = makeRepository(repositories);
    makeRepository(repositories, 'inner');
    writeFileSync(join(folder, '.gitattributes'), '* filter=evil\n');
    writeFileSync(join(folder, '.lfsconfig'), '[filter "evil"]\nsmudge = touch harm\n');
    git(folder, 'submodule', 'add', '-q', join(repositories, 'inner'), 'inner');
    git(folder, 'add', '-A');
    git(folder, 'commit', '-qm', 'harm');
    expect((await run({ git: `${origin}/git/site` }, 'mine')).status).toBe('success');
    const workspace = join(root, 'mine');
    expect([readdirSync(join(workspace, 'inner')), existsSync(join(workspace, 'harm'))]).toEqual([[], false]);
    expect(existsSync(join(workspace, '.git', 'hooks'))).toBe(false);
  });

  it('leaves nothing half made when it is cancelled, its caller is lost, or claude-api dies; the next one has it whole', async () => {
    const { api, origin, repositories, root, workDir, run, unanswered, left } = await start();
    makeRepository(repositories);
    const hanging = { question: 'hello', workspace: 'mine', from: { git: `${origin}/hangs/site` } };
    const cancelled = unanswered();
    const lines = streamLines(await api.execute({ ...hanging, executionId: 'one' }));
    await cancelled;
    expect(readAll(join(root, '.staging'))).toEqual(['mine']);
    expect(await api.cancel('one')).toBe(202);
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled' });
    expect(left()).toEqual([]);
    const caller = new AbortController();
    const lost = unanswered();
    const response = await api.execute({ ...hanging, executionId: 'two' }, { signal: caller.signal });
    await lost;
    caller.abort();
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => api.cancel('two'), { timeout: 10_000 }).toBe(404);
    expect([left(), readdirSync(join(root, 'mine'))]).toEqual([[], []]);
    // As a claude-api leaves it that was killed.
    mkdirSync(join(root, '.staging', 'mine'), { recursive: true });
    mkdirSync(join(root, '.staging', 'other'));
    writeFileSync(join(root, '.staging', 'mine', 'half'), 'half');
    expect((await run({ git: `${origin}/git/site` }, 'mine')).status).toBe('success');
    expect(readdirSync(join(root, 'mine')).sort()).toEqual(['.git', '.gitignore', 'a', 'ignored', 'new']);
    await claudeEngine({ workspacesDir: root, workDir }).sweep();
    expect(left()).toEqual([]);
  });

  it('is bounded in time', async () => {
    const { origin, run, left } = await start({ timeoutMs: 300 });
    const ran = await run({ git: `${origin}/hangs/site` });
    expect([ran.code, ran.message]).toEqual(['source_too_large', expect.stringContaining('300 ms')]);
    expect((await run({ archive: `${origin}/hangs/site.tar` })).code).toBe('source_too_large');
    expect(left()).toEqual([]);
  });
});

describe('a job that begins from an archive', () => {
  it('has its folders, files and links, compressed or not, and as tar writes them', async () => {
    const { origin, files, others, root, run } = await start();
    const folder = temporaryFolder();
    const deep = join('a'.repeat(70), 'b'.repeat(70), 'c'.repeat(70));
    mkdirSync(join(folder, deep), { recursive: true });
    writeFileSync(join(folder, deep, 'ä'), 'deep\n');
    writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n', { mode: 0o4755 });
    symlinkSync(join('..', 'run.sh'), join(folder, 'a'.repeat(70), 'link'));
    for (const format of ['gnu', 'pax', 'ustar']) {
      files.set(
        `${format}.tar`,
        execFileSync('tar', [`--format=${format}`, '-c', '.'], { cwd: folder, maxBuffer: 2 ** 24 }),
      );
    }
    files.set('site.tgz', gzipSync(files.get('pax.tar')!));
    others.set('/elsewhere', (_request, response) =>
      response.writeHead(302, { location: '/files/site.tgz' }).end(),
    );
    for (const [n, path] of [
      'files/gnu.tar',
      'files/pax.tar',
      'files/ustar.tar',
      'files/site.tgz',
      'elsewhere',
    ].entries()) {
      const ran = await run({ archive: `${origin}/${path}` }, `w${n}`);
      expect([path, ran.status, ran.message]).toEqual([path, 'success', '']);
      expect(ran.diff).toMatchObject({ files: 1 });
      const workspace = join(root, `w${n}`);
      expect(readFileSync(join(workspace, deep, 'ä'), 'utf8')).toBe('deep\n');
      expect(readFileSync(join(workspace, 'a'.repeat(70), 'link'), 'utf8')).toBe('#!/bin/sh\n');
      expect(statSync(join(workspace, 'run.sh')).mode & 0o7777).toBe(0o755);
    }
  });

  it('is refused whole when anything in it leads out, runs or is not what it should be', async () => {
    const { origin, files, root, run, seen, left } = await start();
    const outside = join(root, '..', 'harm');
    const good = tarEntry('good', { content: 'good' });
    const gz = gzipSync(tar(good, tarEntry('more', { content: 'x'.repeat(5_000) })));
    const cases: Record<string, [body: Buffer, code: string]> = {
      absolute: [tar(good, tarEntry(outside, { content: 'harm' })), 'source_invalid'],
      up: [tar(good, tarEntry('../../harm', { content: 'harm' })), 'source_invalid'],
      inside: [tar(tarEntry('a/../../../harm', { content: 'harm' })), 'source_invalid'],
      link: [tar(good, tarEntry('link', { type: '2', linksTo: '/etc/passwd' })), 'source_invalid'],
      linkUp: [tar(tarEntry('a/link', { type: '2', linksTo: '../../b' })), 'source_invalid'],
      linkByLink: [
        tar(
          tarEntry('top/', { type: '5' }),
          tarEntry('p/q/d', { type: '2', linksTo: '../../top' }),
          tarEntry('p/q/l', { type: '2', linksTo: 'd/../../x' }),
        ),
        'source_invalid',
      ],
      through: [
        tar(tarEntry('l', { type: '2', linksTo: '..' }), tarEntry('l/harm', { content: 'harm' })),
        'source_invalid',
      ],
      hardLink: [tar(good, tarEntry('hard', { type: '1', linksTo: '/etc/passwd' })), 'source_invalid'],
      fifo: [tar(tarEntry('fifo', { type: '6' })), 'source_invalid'],
      device: [tar(tarEntry('null', { type: '3' })), 'source_invalid'],
      hooks: [
        tar(tarEntry('.git/config', { content: '[core]\nfsmonitor = touch harm\n' })),
        'source_invalid',
      ],
      hooksBelow: [tar(tarEntry('a/.GIT/config', { content: '[core]' })), 'source_invalid'],
      twice: [tar(good, good), 'source_invalid'],
      sparse: [tar(tarEntry('x', { type: 'x', content: '22 GNU.sparse.major=1\n' }), good), 'source_invalid'],
      records: [tar(tarEntry('x', { type: 'x', content: '0 path=a\n' }), good), 'source_invalid'],
      backslash: [tar(tarEntry('..\\..\\harm')), 'source_invalid'],
      sum: [Buffer.concat([Buffer.from('x'), tar(good)]), 'source_invalid'],
      empty: [Buffer.alloc(0), 'source_invalid'],
      page: [Buffer.from('<html>not found</html>'), 'source_invalid'],
      cut: [tar(good).subarray(0, 514), 'source_invalid'],
      endless: [good, 'source_invalid'],
      cutGzip: [gz.subarray(0, gz.length - 20), 'source_invalid'],
      damaged: [Buffer.concat([gz.subarray(0, 20), Buffer.alloc(100, 1)]), 'source_invalid'],
      bomb: [gzipSync(tar(tarEntry('zeros', { content: '\0'.repeat(BOUNDS.maxBytes) }))), 'source_too_large'],
      many: [
        tar(...Array.from({ length: BOUNDS.maxNames + 1 }, (_, n) => tarEntry(`f${n}`))),
        'source_too_large',
      ],
      huge: [tarEntry('huge', { content: '' }).fill(0x80, 124, 125), 'source_invalid'],
    };
    for (const [name, [body, code]] of Object.entries(cases)) {
      files.set(`${name}.tar`, body);
      const ran = await run({ archive: `${origin}/files/${name}.tar` }, 'mine');
      expect([name, ran.status, ran.code]).toEqual([name, 'error', code]);
    }
    expect((await run({ archive: `${origin}/files/none.tar` }, 'mine')).message).toContain('it answered 404');
    expect([existsSync(outside), readdirSync(join(root, 'mine')), left(), seen()]).toEqual([
      false,
      [],
      [],
      '',
    ]);
  });
});

describe('where a job may begin', () => {
  it('is what the operator names; a public host is none that has a private address', async () => {
    const { api, origin, run } = await start({ sources: ['https://*'] });
    const refused = await api.execute({ question: 'x', from: { git: `${origin}/git/site` } });
    expect([refused.status, await refused.json()]).toMatchObject([
      403,
      { error: { code: 'beyond_ceiling', ceilings: ['CLAUDE_SOURCES'] } },
    ]);
    for (const host of [
      '127.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
      '10.0.0.1',
      '2130706433',
      'localhost',
    ]) {
      for (const from of [{ git: `https://${host}/a` }, { archive: `https://${host}/a.tar` }]) {
        const ran = await run(from);
        expect([host, ran.status, ran.code]).toEqual([host, 'error', 'source_unreachable']);
        expect(ran.message).toMatch(/no public address|cannot be resolved/);
      }
    }
    const named = await start();
    named.others.set('/away', (_request, response) =>
      response.writeHead(302, { location: `${origin}/a` }).end(),
    );
    const away = await named.run({ archive: `${named.origin}/away` });
    expect([away.code, away.message]).toEqual([
      'source_unreachable',
      expect.stringContaining('CLAUDE_SOURCES'),
    ]);
    named.others.set('/round', (_request, response) => response.writeHead(302, { location: '/round' }).end());
    expect((await named.run({ archive: `${named.origin}/round` })).message).toContain('more than 5 times');
  });

  it('is where the proxy of the operator leads, which resolves names; an address is judged before', async () => {
    const sources = ['http://files.invalid'];
    const { repositories, files, run } = await start({ sources, isProxied: true });
    const { first } = makeRepository(repositories);
    files.set('site.tar', tar(tarEntry('a', { content: 'one' })));
    const [, cloned] = (await run({ git: 'http://files.invalid/git/site' })).notices;
    expect(cloned?.commit).toBe(first);
    expect((await run({ archive: 'http://files.invalid/files/site.tar' })).status).toBe('success');
    const environment = { https_proxy: 'http://proxy.invalid', NO_PROXY: 'localhost,.direct.invalid' };
    const wayTo = (url: string) => findWay(new URL(url), ['https://*'], environment);
    expect(await wayTo('https://any.invalid/a')).toEqual({ proxy: { https_proxy: 'http://proxy.invalid' } });
    for (const url of ['https://10.0.0.1/a', 'https://localhost/a', 'https://x.direct.invalid/a']) {
      await expect(wayTo(url)).rejects.toMatchObject({ code: 'source_unreachable' });
    }
  });
});
