/**
 * The library's declarations: those of its modules, and of the modules of the workspace that they name, as one tree in which
 * every import is a relative one.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Manifest } from './manifest.ts';

const IMPORT = /(?<=\bfrom '|\bimport\('|\bimport\(")[^'"]+(?=['"])/g;

/** Writes `dist/types`. Throws what the compiler says. */
export async function buildTypes(root: string, library: string, { entries, peers }: Manifest): Promise<void> {
  const parent = join(root, '.cache', 'pack');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'types-'));
  try {
    const sources = Object.values(entries).map((file) => join(library, file));
    emit(root, sources, folder);
    const tree = { from: folder, to: join(library, 'dist/types'), peers, copied: new Set<string>() };
    for (const source of sources) {
      copyTree(relative(join(root, 'libs'), source).replace(/\.ts$/, '.d.ts'), tree);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function emit(root: string, files: string[], folder: string): void {
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: folder,
      rootDir: join(root, 'libs'),
      // No more than any program that uses the library has.
      lib: ['es2023', 'dom'],
      types: [],
      paths: { '@cc-executor/protocol/plain': [join(root, 'libs/protocol/src/plain.ts')] },
    },
    include: [],
    files,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const run = join(root, 'tools/runtime/run.mjs');
  execFileSync(process.execPath, [run, '--bin', 'tsc', '-p', folder], { stdio: ['ignore', 2, 2] });
}

type Tree = { from: string; to: string; peers: string[]; copied: Set<string> };

/** Copies a file and all that it imports, but for what a peer has. */
function copyTree(file: string, tree: Tree): void {
  if (tree.copied.has(file)) return;
  tree.copied.add(file);
  const text = readFileSync(join(tree.from, file), 'utf8').replaceAll(IMPORT, (specifier) => {
    if (tree.peers.includes(specifier)) return specifier;
    const target = locate(specifier, file);
    copyTree(target, tree);
    const path = relative(dirname(file), target).replace(/\.d\.ts$/, '.js');
    return path.startsWith('.') ? path : `./${path}`;
  });
  mkdirSync(dirname(join(tree.to, file)), { recursive: true });
  writeFileSync(join(tree.to, file), text);
}

function locate(specifier: string, importer: string): string {
  if (specifier === '@cc-executor/protocol/plain') return 'protocol/src/plain.d.ts';
  if (specifier.startsWith('.')) return join(dirname(importer), specifier).replace(/\.ts$/, '.d.ts');
  throw new Error(`${importer} imports ${specifier}, which whoever installs the library does not have`);
}
