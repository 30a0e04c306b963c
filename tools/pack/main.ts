/**
 * Packs a library of the workspace, or its command, for others, as its `prepack` and `postpack`: `main.ts build` makes `dist` and a
 * package.json that names it, `main.ts restore` puts back what was there. Run by npm in the library's folder.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { buildCommand } from './command.ts';
import { readManifest } from './manifest.ts';
import { buildScript } from './script.ts';
import { buildTypes } from './types.ts';

const library = process.cwd();
const root = dirname(dirname(library));
const manifestFile = join(library, 'package.json');
const savedFile = join(root, '.cache', 'pack', basename(library), 'package.json');
const dist = join(library, 'dist');
const licence = join(library, 'LICENSE');

/** What a package.json says for the workspace alone. */
const WORKSPACE_ONLY = ['scripts', 'devDependencies', 'publishConfig'];

async function build(): Promise<void> {
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
  if (manifest.bin) await buildCommand(library, manifest.version);
  else {
    await buildScript(root, library, readManifest(manifest));
    await buildTypes(root, library, readManifest(manifest));
  }
  copyFileSync(join(root, 'LICENSE'), licence);
  mkdirSync(dirname(savedFile), { recursive: true });
  copyFileSync(manifestFile, savedFile);
  const dependencies = manifest.bin ? {} : foreign(manifest.dependencies);
  const published = { ...manifest, ...manifest.publishConfig, dependencies };
  for (const name of WORKSPACE_ONLY) delete published[name];
  writeFileSync(manifestFile, `${JSON.stringify(published, null, 2)}\n`);
}

/** Packages of the workspace are within the bundle. */
function foreign(dependencies: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(dependencies).filter(([name]) => !name.startsWith('@cc-executor/')),
  );
}

/** Also after a packing that broke off. */
function restore(): void {
  rmSync(dist, { recursive: true, force: true });
  if (!existsSync(savedFile)) return;
  copyFileSync(savedFile, manifestFile);
  rmSync(savedFile);
  rmSync(licence, { force: true });
}

restore();
if (process.argv[2] === 'build') await build();
