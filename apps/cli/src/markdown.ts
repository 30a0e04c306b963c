/**
 * Markdown for a terminal, line by line as it comes: what is whole is styled and given, an unfinished line waits for its end, and a
 * table for its last row. The text has to be harmless before: the only sequences that come out are those of the colours.
 */
import type { Colors } from './colors.ts';
import { cellsOf, wrapLine } from './wrap.ts';

export type Markdown = {
  /** Gives what can be shown by now, in whole lines. */
  take(text: string): string;
  /** Gives what waits, as if its line had ended; a block of code goes on. */
  flush(): string;
  /** The same at the end of a text: what follows begins anew. */
  end(): string;
};

const RULE_CELLS = 40;
/** A longer line stays as it is written: the patterns take time that grows with its square. */
const LONGEST_STYLED = 2_000;
/** Of more rows the next table begins. */
const MOST_ROWS = 500;

const FENCE = /^ {0,3}(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ITEM = /^(\s*)[-*+]\s+(?:\[([ xX])\]\s+)?(.*)$/;
const ROW = /^\s*\|.*\|\s*$/;
const TABLE_RULE = /^[\s|:-]*-[\s|:-]*$/;

/** Escaped, code, strong, emphasis, struck out, link: what comes first is taken. */
const INLINE =
  /\\([!-/:-@[-`{-~])|(`+)(?!`)(.+?)(?<!`)\2(?!`)|(\*\*|__)(?=\S)(.+?)(?<=\S)\4|(?<!\w)([*_])(?=[^\s*_])(.+?)(?<=\S)\6(?!\w)|~~(?=\S)(.+?)~~|\[([^\]]+)\]\(([^()\s]+)\)/g;

/** @param width of the terminal in columns: a table that is wider stays as it is written */
export function createMarkdown(colors: Colors, width: number): Markdown {
  let unfinished = '';
  let fence: string | undefined;
  let table: string[] = [];

  function inline(text: string): string {
    return text.replace(INLINE, (all: string, ...found: (string | undefined)[]) => {
      const [escaped, , code, , strong, , emphasis, struck, label, target] = found;
      if (escaped !== undefined) return escaped;
      if (code !== undefined) return colors.cyan(code);
      if (strong !== undefined) return colors.bold(inline(strong));
      if (emphasis !== undefined) return colors.italic(inline(emphasis));
      if (struck !== undefined) return colors.strikethrough(inline(struck));
      if (label === undefined) return all;
      return label === target
        ? colors.underline(label)
        : `${colors.underline(label)} ${colors.dim(`(${target})`)}`;
    });
  }

  function renderBlock(line: string, columns = width): string {
    const [, marks, title] = HEADING.exec(line) ?? [];
    if (title !== undefined)
      return colors.bold(marks === '#' ? colors.underline(inline(title)) : inline(title));
    if (RULE.test(line)) return colors.dim('─'.repeat(Math.min(RULE_CELLS, width)));
    const [, quoted] = QUOTE.exec(line) ?? [];
    if (quoted !== undefined) return quote(renderBlock(quoted, columns - 2));
    const [, indent = '', box, item] = ITEM.exec(line) ?? [];
    if (item === undefined) return wrapLine(inline(line), columns, /^ */.exec(line)?.[0]);
    const bullet = box === undefined ? '•' : box === ' ' ? '☐' : '☑';
    return wrapLine(`${indent}${bullet} ${inline(item)}`, columns, `${indent}  `);
  }

  function quote(lines: string): string {
    return lines.replace(/^/gm, `${colors.dim('│')} `);
  }

  function renderLine(line: string): string {
    if (fence !== undefined) {
      const isEnd = line.trim().startsWith(fence) && line.trim().replaceAll(fence[0] ?? '', '') === '';
      if (!isEnd) return `${colors.cyan(line)}\n`;
      fence = undefined;
      return '';
    }
    if (line.length > LONGEST_STYLED) return `${renderTable()}${line}\n`;
    if (ROW.test(line)) {
      table.push(line);
      return table.length < MOST_ROWS ? '' : renderTable();
    }
    fence = FENCE.exec(line)?.[1];
    return renderTable() + (fence === undefined ? `${renderBlock(line)}\n` : '');
  }

  function renderTable(): string {
    const lines = table;
    table = [];
    const rows = lines.filter((line) => !TABLE_RULE.test(line)).map((line) => cellTextsOf(line).map(inline));
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => cellsOf(row[column] ?? ''))),
    );
    const isTable = lines.length > rows.length && widths.reduce((sum, cells) => sum + cells + 2, -2) <= width;
    if (!isTable) return lines.map((line) => `${line}\n`).join('');
    return rows
      .map((row, index) => {
        const cells = widths.map(
          (cells, column) => (row[column] ?? '') + ' '.repeat(cells - cellsOf(row[column] ?? '')),
        );
        const line = cells.join('  ').trimEnd();
        return `${index === 0 ? colors.bold(line) : line}\n`;
      })
      .join('');
  }

  function flush(): string {
    const line = unfinished;
    unfinished = '';
    return (line === '' ? '' : renderLine(line)) + renderTable();
  }

  return {
    take(text) {
      if (!text.includes('\n')) {
        unfinished += text;
        return '';
      }
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      return lines.map(renderLine).join('');
    },
    flush,
    end() {
      const rest = flush();
      fence = undefined;
      return rest;
    },
  };
}

/** A bar within a cell is written with a backslash. */
function cellTextsOf(row: string): string[] {
  const cells = row
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim());
}
