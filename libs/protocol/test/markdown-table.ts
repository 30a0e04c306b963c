/** Reads the table under a heading of a Markdown file of this repository. */
import { readFileSync } from 'node:fs';

/** The cells of the first table after the heading, without its head. Throws when there is none. */
export function readTable(file: 'PROTOCOL.md' | 'docs/errors.md', heading: string): string[][] {
  const lines = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8').split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start === -1) throw new Error(`${file} has no heading '${heading}'`);
  const first = lines.findIndex((line, i) => i > start && line.startsWith('| '));
  const end = lines.findIndex((line, i) => i > first && !line.startsWith('|'));
  return lines.slice(first + 2, end === -1 ? undefined : end).map(readRow);
}

/** The words in backticks of a cell, or the cell itself. */
export function code(cell: string | undefined): string {
  return /^`([^`]*)`/.exec(cell ?? '')?.[1] ?? cell ?? '';
}

function readRow(line: string): string[] {
  return line
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}
