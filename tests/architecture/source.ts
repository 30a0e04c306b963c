/** Reads what the architecture rules look at: source files, and the imports in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export type SourceFile = {
  /** From the root, with forward slashes: `libs/queue/src/producer.ts`. */
  readonly path: string;
  readonly text: string;
};

/** A place in a file that breaks a rule, printed as `path:line: message`. */
export type Violation = string;

export type ImportUse = {
  readonly specifier: string;
  readonly line: number;
  /** `import type` or `export type`: nothing of it runs. */
  readonly isType: boolean;
};

const NOT_OURS = new Set(['node_modules', '.git', '.cache', 'schema', 'recordings', 'generated']);
const IS_SOURCE = /\.(?:[cm]?[jt]sx?|lua|css|html|sh)$/;

/** Every source file below these folders. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    listFiles(join(root, folder))
      .filter((file) => IS_SOURCE.test(file))
      .map((file) => ({ path: toPath(root, file), text: readFileSync(file, 'utf8') })),
  );
}

/** Every import of a file: static, for side effects, re-exports, and dynamic ones with a literal. */
export function findImports(text: string): ImportUse[] {
  const code = blankComments(text);
  const pattern =
    /(?:^|;)[ \t]*(?:import|export)\b(?<names>[^'"`;()]*?\bfrom)?\s*(?<q>['"])(?<from>[^'"\n]+)\k<q>|\b(?:import|require)\s*\(\s*(?<r>['"`])(?<called>[^'"`\n]+)\k<r>/gm;
  return [...code.matchAll(pattern)].map((match) => ({
    specifier: match.groups?.from ?? match.groups?.called ?? '',
    // The statement may begin with the end of the line before it.
    line: lineAt(code, match.index + match[0].length),
    isType: /^\s*type\b/.test(match.groups?.names ?? ''),
  }));
}

/** The matches of a pattern in the code of a file, comments left out. */
export function findInCode(text: string, pattern: RegExp): { line: number; found: string }[] {
  const code = blankComments(text);
  return [...code.matchAll(pattern)].map((match) => ({ line: lineAt(code, match.index), found: match[0] }));
}

/** The text with its comments replaced by blanks, so that positions stay. Strings that look like one stay too. */
function blankComments(text: string): string {
  const pattern = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(pattern, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

function toPath(root: string, file: string): string {
  return relative(root, file).split(sep).join('/');
}
