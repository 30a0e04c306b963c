/** The files of workspaces over real sockets, in workspaces whose owner means harm. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createDemoEngine } from '../src/demo-engine.ts';
import { openFile, openFolder } from '../src/workspaces/beneath.ts';
import { type ApiOptions, startApi, temporaryFolder } from './harness.ts';

const SECRET = 'what is outside of the workspace';

async function startFiles(limits: ApiOptions['limits'] = {}) {
  const folder = temporaryFolder();
  const root = join(folder, 'workspaces');
  const workspace = join(root, 'mine');
  mkdirSync(workspace, { recursive: true });
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), SECRET);
  const api = await startApi(createDemoEngine(), { workspacesDir: root, limits });
  const base = `${api.url}/workspaces/mine`;
  return { root, workspace, outside, base, url: api.url };
}

async function codeOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { code: string } };
  return `${response.status} ${error.code}`;
}

/** As it is written: fetch would tidy the path. */
async function getRaw(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, path }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const text = (await response.toArray()).join('');
  return `${response.statusCode} ${(JSON.parse(text) as { error: { code: string } }).error.code}`;
}

/** File descriptors of this process that lead into the workspaces. */
function openIn(root: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that was open to read the folder.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(root));
}

/** A thread that does it over and over, and has begun. */
async function startTurning(
  turn: string,
  workerData: { workspace: string; outside: string },
): Promise<Worker> {
  const worker = new Worker(
    `const { linkSync, renameSync, rmSync, symlinkSync } = require('node:fs');
     const { parentPort, workerData: { workspace, outside } } = require('node:worker_threads');
     const turn = () => { ${turn} };
     turn();
     parentPort.postMessage('begun');
     for (;;) turn();`,
    { eval: true, workerData },
  );
  await once(worker, 'message');
  return worker;
}

/** What is in a file, or the code of what it is refused with. */
async function readFrom(folder: FileHandle, name: string): Promise<string> {
  try {
    const { file } = await openFile(folder, name);
    return await file.readFile('utf8').finally(() => file.close());
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const unpack = (archive: ArrayBuffer, folder: string) =>
  execFileSync('tar', ['-xzf', '-', '-C', folder], { input: Buffer.from(archive) });

describe.skipIf(process.platform !== 'linux')('the files of a workspace', () => {
  it('are put, listed page by page, read whole and in parts, and packed', async () => {
    const { root, base } = await startFiles();
    const long = `deep/${'n'.repeat(120)}/ä.txt`;
    const text = 'Grüße\n'.repeat(30_000);
    for (const [path, body] of [
      ['a.txt', 'a'],
      ['b/c.txt', 'c'],
      ['b.txt', text],
      [long, 'long'],
    ] as const) {
      const put = await fetch(`${base}/files/${path}`, { method: 'PUT', body });
      expect([put.status, await put.json()]).toMatchObject([201, { created: true }]);
    }
    const top = (await (await fetch(`${base}/files`)).json()) as {
      entries: { path: string; kind: string }[];
    };
    expect(top.entries.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'file a.txt',
      'folder b',
      'file b.txt',
      'folder deep',
    ]);
    const paths: string[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const query = new URLSearchParams({ recursive: 'true', limit: '2', cursor });
      const page = (await (await fetch(`${base}/files?${query}`)).json()) as {
        entries: { path: string }[];
        cursor?: string;
      };
      expect(page.entries.length).toBeLessThanOrEqual(2);
      paths.push(...page.entries.map(({ path }) => path));
      cursor = page.cursor;
    }
    expect(paths).toEqual(['a.txt', 'b', 'b/c.txt', 'b.txt', 'deep', `deep/${'n'.repeat(120)}`, long]);

    const whole = await fetch(`${base}/files/b.txt`);
    expect(await whole.text()).toBe(text);
    const part = await fetch(`${base}/files/b.txt`, { headers: { range: 'bytes=5-11' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      `bytes 5-11/${Buffer.byteLength(text)}`,
    ]);
    expect(await part.text()).toBe(Buffer.from(text).subarray(5, 12).toString());

    const unpacked = temporaryFolder();
    unpack(await (await fetch(`${base}/archive`)).arrayBuffer(), unpacked);
    expect(readFileSync(join(unpacked, 'b.txt'), 'utf8')).toBe(text);
    expect(readFileSync(join(unpacked, long), 'utf8')).toBe('long');
    const inner = temporaryFolder();
    unpack(await (await fetch(`${base}/archive?path=b`)).arrayBuffer(), inner);
    expect(readdirSync(inner)).toEqual(['c.txt']);
    await expect.poll(() => openIn(root)).toEqual([]);
  });

  it('are not reached by names that lead elsewhere', async () => {
    const { base, url, workspace } = await startFiles();
    const files = '/workspaces/mine/files';
    for (const path of [
      '../mine/a',
      '%2e%2e/outside/secret',
      'b/../../x',
      './a',
      '/etc/passwd',
      '%2Fetc%2Fpasswd',
      'a%00b',
      'a%5Cb',
      'b//c',
      'n'.repeat(300),
      'n/'.repeat(80),
      `${'n'.repeat(200)}/`.repeat(25),
    ]) {
      expect(await getRaw(url, `${files}/${path}`), path).toBe('400 path_invalid');
      expect(await getRaw(url, `${files}?path=${path.replaceAll('/', '%2F')}`), path).toBe(
        '400 path_invalid',
      );
    }
    for (const name of ['..', '%2e%2e', '.locks', 'a%2Fb', 'n'.repeat(65)]) {
      expect(await getRaw(url, `/workspaces/${name}/files`), name).toMatch(
        /^(400 path_invalid|404 not_found)$/,
      );
    }
    expect(await codeOf(await fetch(`${url}/workspaces/other/files`))).toBe('404 workspace_not_found');
    expect(await codeOf(await fetch(`${base}/files/none`))).toBe('404 file_not_found');
    writeFileSync(join(workspace, 'file'), '');
    expect(await codeOf(await fetch(`${base}/files/file/below`))).toBe('403 file_refused');
  });

  it('are not reached through links, and links, fifos and folders are no files', async () => {
    const { base, url, root, workspace, outside } = await startFiles();
    symlinkSync('/etc/passwd', join(workspace, 'passwd'));
    symlinkSync(outside, join(workspace, 'way'));
    symlinkSync(outside, join(root, 'whole'));
    mkdirSync(join(workspace, 'folder'));
    execFileSync('mkfifo', [join(workspace, 'fifo')]);
    for (const name of ['passwd', 'way', 'way/secret', 'fifo', 'folder']) {
      expect(await codeOf(await fetch(`${base}/files/${name}`)), name).toBe('403 file_refused');
      const put = await fetch(`${base}/files/${name}`, { method: 'PUT', body: 'harm' });
      expect(await codeOf(put), name).toBe('403 file_refused');
    }
    expect(await codeOf(await fetch(`${base}/files?path=way`))).toBe('403 file_refused');
    expect(await codeOf(await fetch(`${base}/archive?path=way`))).toBe('403 file_refused');
    expect(await codeOf(await fetch(`${url}/workspaces/whole/files/secret`))).toBe('403 file_refused');
    expect(await codeOf(await fetch(`${url}/workspaces/whole/files/new`, { method: 'PUT', body: 'x' }))).toBe(
      '403 file_refused',
    );
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe(SECRET);
    expect(readdirSync(outside)).toEqual(['secret']);
    const listed = (await (await fetch(`${base}/files?recursive=true`)).json()) as { entries: object[] };
    expect(listed.entries).toMatchObject([
      { path: 'fifo', kind: 'other' },
      { path: 'folder', kind: 'folder' },
      { path: 'passwd', kind: 'link' },
      { path: 'way', kind: 'link' },
    ]);
    const unpacked = temporaryFolder();
    unpack(await (await fetch(`${base}/archive`)).arrayBuffer(), unpacked);
    expect(readdirSync(unpacked)).toEqual(['folder']);
    await expect.poll(() => openIn(root)).toEqual([]);
  });

  it('give nothing of a link that is swapped in between the look and the use', async () => {
    const { root, base, workspace, outside } = await startFiles();
    mkdirSync(join(workspace, 'folder'));
    writeFileSync(join(workspace, 'mine'), 'mine');
    const turning = await startTurning(
      `linkSync(workspace + '/mine', workspace + '/new');
       renameSync(workspace + '/new', workspace + '/folder/secret');
       symlinkSync(outside + '/secret', workspace + '/new');
       renameSync(workspace + '/new', workspace + '/folder/secret');`,
      { workspace, outside },
    );
    const folder = await openFolder(root, ['mine', 'folder']);
    const seen = new Set<string>();
    // On a busy machine the other thread may stand still for long.
    for (let turn = 0; turn < 2_000 || seen.size < 2; turn += 1) {
      seen.add(await readFrom(folder, 'secret'));
    }
    const archive = await (await fetch(`${base}/archive`)).arrayBuffer();
    expect(execFileSync('gzip', ['-dc'], { input: Buffer.from(archive) }).includes(SECRET)).toBe(false);
    await Promise.all([folder.close(), turning.terminate()]);
    expect([...seen].sort()).toEqual(['file_refused', 'mine']);
  });

  it('are not reached through a folder that a link takes the place of', async () => {
    const { root, workspace, outside } = await startFiles();
    mkdirSync(join(workspace, 'real'));
    writeFileSync(join(workspace, 'real', 'secret'), 'mine');
    const turning = await startTurning(
      `symlinkSync(outside, workspace + '/way');
       rmSync(workspace + '/way');
       renameSync(workspace + '/real', workspace + '/way');
       renameSync(workspace + '/way', workspace + '/real');`,
      { workspace, outside },
    );
    const seen = new Set<string>();
    for (let turn = 0; turn < 1_000 || seen.size < 1; turn += 1) {
      const folder = await openFolder(root, ['mine', 'way']).catch(() => undefined);
      if (folder === undefined) continue;
      seen.add(await readFrom(folder, 'secret'));
      await folder.close();
    }
    await turning.terminate();
    expect([...seen]).toEqual(['mine']);
  });

  it('are replaced whole, under the conditions of whoever puts them', async () => {
    const { root, base, workspace } = await startFiles();
    const put = (body: string, headers: Record<string, string> = {}) =>
      fetch(`${base}/files/a`, { method: 'PUT', body, headers });
    const first = (await (await put('one', { 'if-none-match': '*' })).json()) as { etag: string };
    expect(await codeOf(await put('two', { 'if-none-match': '*' }))).toBe('412 file_changed');
    const right = `sha-256=:${Buffer.from('e6Fj4j2S', 'latin1').toString('base64')}:`;
    expect(await codeOf(await put('two', { 'repr-digest': right }))).toBe('400 digest_mismatch');
    linkSync(join(workspace, 'a'), join(workspace, 'linked'));
    const second = await put('two', { 'if-match': `"${first.etag}"` });
    expect([second.status, await second.json()]).toMatchObject([200, { created: false, bytes: 3 }]);
    expect(await codeOf(await put('three', { 'if-match': `"${first.etag}"` }))).toBe('412 file_changed');
    const read = await fetch(`${base}/files/a`, { headers: { 'if-match': `"${first.etag}"` } });
    expect(await codeOf(read)).toBe('412 file_changed');
    expect(readFileSync(join(workspace, 'a'), 'utf8')).toBe('two');
    // Who had it open, or another name for it, keeps what it was.
    expect(readFileSync(join(workspace, 'linked'), 'utf8')).toBe('one');
    expect(readdirSync(join(root, '.incoming'))).toEqual([]);
  });

  it('are bounded in size, number and depth, and refused beyond it before an answer begins', async () => {
    const { root, base, workspace } = await startFiles({ fileMaxBytes: 1_000, filesMax: 100 });
    const large = 'x'.repeat(1_001);
    expect(await codeOf(await fetch(`${base}/files/large`, { method: 'PUT', body: large }))).toBe(
      '413 file_too_large',
    );
    const unannounced = await fetch(`${base}/files/large`, {
      method: 'PUT',
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(await codeOf(unannounced)).toBe('413 file_too_large');
    expect(readdirSync(workspace)).toEqual([]);
    expect(readdirSync(join(root, '.incoming'))).toEqual([]);

    writeFileSync(join(workspace, 'huge'), '');
    truncateSync(join(workspace, 'huge'), 2 ** 40);
    expect(await codeOf(await fetch(`${base}/files/huge`))).toBe('413 file_too_large');
    expect(await codeOf(await fetch(`${base}/archive`))).toBe('413 file_too_large');
    const end = await fetch(`${base}/files/huge`, { headers: { range: 'bytes=-10' } });
    expect([end.status, (await end.arrayBuffer()).byteLength]).toEqual([206, 10]);
    truncateSync(join(workspace, 'huge'), 0);

    mkdirSync(join(workspace, 'wide'));
    for (let n = 0; n <= 100; n += 1) writeFileSync(join(workspace, 'wide', `${n}`), '');
    expect(await codeOf(await fetch(`${base}/files?path=wide`))).toBe('413 file_too_large');
    expect(await codeOf(await fetch(`${base}/archive`))).toBe('413 file_too_large');

    mkdirSync(join(workspace, 'deep', ...Array.from({ length: 200 }, () => 'd')), { recursive: true });
    expect(await codeOf(await fetch(`${base}/files?path=deep&recursive=true`))).toBe('413 file_too_large');
    await expect.poll(() => openIn(root)).toEqual([]);
  });

  it('take a body that breaks off for none', async () => {
    const { root, base, workspace } = await startFiles();
    const { hostname, port, pathname } = new URL(`${base}/files/half`);
    const request = httpRequest({
      hostname,
      port,
      path: pathname,
      method: 'PUT',
      headers: { 'content-length': 100 },
    });
    request.on('error', () => {
      // It is cut off by us.
    });
    request.write('half');
    await expect
      .poll(() => readdirSync(root).includes('.incoming') && readdirSync(join(root, '.incoming')).length)
      .toBe(1);
    request.destroy();
    await expect.poll(() => readdirSync(join(root, '.incoming'))).toEqual([]);
    expect(readdirSync(workspace)).toEqual([]);
  });

  it('answer one who reads slowly for as long as it takes, and let go of who leaves', async () => {
    const { root, base, workspace } = await startFiles({ fileMaxBytes: 64 * 1024 * 1024 });
    writeFileSync(join(workspace, 'large'), Buffer.alloc(32 * 1024 * 1024, 'x'));
    const { hostname, port, pathname } = new URL(`${base}/files/large`);
    const request = httpRequest({ hostname, port, path: pathname }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(openIn(root)).toContain(join(workspace, 'large'));
    // What was opened is read on, whatever takes its name.
    symlinkSync('/etc/passwd', join(workspace, 'other'));
    execFileSync('mv', ['-T', join(workspace, 'other'), join(workspace, 'large')]);
    const [piece] = (await once(response, 'data')) as [Buffer];
    expect(piece.every((byte) => byte === 120)).toBe(true);
    response.destroy();
    await expect.poll(() => openIn(root)).toEqual([]);
  });
});

it('there are none where the operator keeps no workspaces', async () => {
  const { url } = await startApi(createDemoEngine());
  expect(await codeOf(await fetch(`${url}/workspaces/mine/files`))).toBe('403 workspaces_off');
});
