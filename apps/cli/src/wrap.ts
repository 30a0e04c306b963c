/** Breaks lines between words, where a terminal would break them anywhere. Colours take no room. */
import { stripVTControlCharacters } from 'node:util';

type Sized = { isTTY?: boolean; columns?: number };

/** How many cells of a terminal it takes, as far as letters are one wide. */
export function cellsOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/**
 * One line as several; a word that is longer than a line stays whole.
 *
 * @param columns of the terminal
 * @param hang what the second line and those after it begin with
 */
export function wrapLine(line: string, columns: number, hang = '  '): string {
  if (line.length <= columns || cellsOf(line) <= columns) return line;
  const lines: string[] = [];
  let [begun, cells, isEmpty] = ['', 0, true];
  for (const [index, word] of line.split(' ').entries()) {
    const width = cellsOf(word);
    if (!isEmpty && cells + 1 + width > columns) {
      lines.push(begun.trimEnd());
      [begun, cells, isEmpty] = [hang + word, cellsOf(hang) + width, word === ''];
      continue;
    }
    begun += index === 0 ? word : ` ${word}`;
    cells += index === 0 ? width : width + 1;
    isEmpty &&= word === '';
  }
  return [...lines, begun].join('\n');
}

/** How wide a terminal is; undefined of what is none, and of one that does not say (0). */
export function columnsOf({ isTTY, columns }: Sized): number | undefined {
  return isTTY && columns ? columns : undefined;
}

/** Each line of a text, for a stream: only a terminal has an edge. */
export function wrapFor(stream: Sized, text: string): string {
  const columns = columnsOf(stream);
  if (columns === undefined) return text;
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns))
    .join('\n');
}
