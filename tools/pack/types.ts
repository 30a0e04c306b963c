/**
 * The library's declarations: those of its modules, and of the modules of the workspace that they name, as one tree in which
 * every import is a relative one.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const IMPORT = /(?<=\bfrom '|\bimport\('|\bimport\(")[^'"]+(?=['"])/g;

/** Writes `dist/types`. Throws what the compiler says. */
export async function buildTypes(root: string, library: string): Promise<void> {
  const parent = join(root, '.cache', 'pack');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'types-'));
  try {
    emit(root, library, folder);
    copyTree(`${basename(library)}/src/index.d.ts`, folder, join(library, 'dist/types'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function emit(root: string, library: string, folder: string): void {
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
    files: [join(library, 'src/index.ts')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const run = join(root, 'tools/runtime/run.mjs');
  execFileSync(process.execPath, [run, '--bin', 'tsc', '-p', folder], { stdio: ['ignore', 2, 2] });
}

/** Copies a file and all that it imports. */
function copyTree(file: string, from: string, to: string, copied = new Set<string>()): void {
  if (copied.has(file)) return;
  copied.add(file);
  const text = readFileSync(join(from, file), 'utf8').replaceAll(IMPORT, (specifier) => {
    const target = locate(specifier, file);
    copyTree(target, from, to, copied);
    const path = relative(dirname(file), target).replace(/\.d\.ts$/, '.js');
    return path.startsWith('.') ? path : `./${path}`;
  });
  mkdirSync(dirname(join(to, file)), { recursive: true });
  writeFileSync(join(to, file), text);
}

function locate(specifier: string, importer: string): string {
  if (specifier === '@cc-executor/protocol/plain') return 'protocol/src/plain.d.ts';
  if (specifier.startsWith('.')) return join(dirname(importer), specifier).replace(/\.ts$/, '.d.ts');
  throw new Error(`${importer} imports ${specifier}, which whoever installs the library does not have`);
}
