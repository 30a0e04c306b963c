/** A clone of this checkout that packs the SDK, its hooks and the command, and an empty project outside of it that installs the files. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PEERS = ['react', 'react-dom', 'scheduler', '@types/react', 'csstype'];
const LEFT_OUT = new Set(['.git', '.cache', 'node_modules', 'dist', 'docs', 'recordings']);

export const run = promisify(execFile);

export type CleanProject = {
  folder: string;
  /** Of the SDK and of its hooks. */
  tarballs: string[];
  /** Where `npm i -g` put the command. */
  command: string;
  /** Runs npm there. */
  npm(...args: string[]): Promise<unknown>;
  remove(): Promise<void>;
};

/** Packs in a clone, so that the checkout in which other tests run stays as it is, and installs without a network. */
export async function makeCleanProject(): Promise<CleanProject> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), 'cc-executor-package-')));
  const [clone, folder] = [join(parent, 'clone'), join(parent, 'project')];
  await cp(root, clone, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  await symlink(join(root, 'node_modules'), join(clone, 'node_modules'));
  const workspaces = ['libs/client', 'libs/react', 'apps/cli'].flatMap((path) => ['--workspace', path]);
  await run('npm', ['pack', ...workspaces], { cwd: clone });
  const tarballs = ['client', 'react'].map((library) => join(clone, `cc-executor-${library}-0.1.0.tgz`));
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await cp(fileURLToPath(new URL('project', import.meta.url)), folder, { recursive: true });
  const npm = (...args: string[]) => run('npm', [...args, '--no-audit', '--no-fund'], { cwd: folder });
  const [prefix, packed] = [join(parent, 'global'), join(clone, 'cc-executor-0.1.0.tgz')];
  await npm('install', '--global', '--prefix', prefix, '--offline', packed);
  // The peers are those of this checkout.
  await npm('install', '--offline', '--ignore-scripts', '--legacy-peer-deps', ...tarballs);
  await mkdir(join(folder, 'node_modules/@types'));
  for (const peer of PEERS)
    await symlink(join(root, 'node_modules', peer), join(folder, 'node_modules', peer));
  const command = join(prefix, 'bin/cc-executor');
  return { folder, tarballs, command, npm, remove: () => rm(parent, { recursive: true }) };
}
