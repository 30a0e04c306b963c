/** The tables of Claude Code's options, between two marks in files that are otherwise written by hand. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClaudeOption, claudeOptions, describeKind } from '@cc-executor/claude-options';

const BEGIN =
  '<!-- Generated from libs/claude-options by `npm run generate`. Do not edit this table. -->\n\n';
const END = '\n<!-- End of what is generated. -->';

const options = Object.entries<ClaudeOption>(claudeOptions);

const TABLES: Record<string, () => string> = {
  'PROTOCOL.md': protocolTable,
  'docs/claude-code.md': operatorTable,
};

/** The files by path, each with its table brought up to date. Throws when one does not have the two marks. */
export function generateOptionTables(root: string): Map<string, string> {
  const files = Object.entries(TABLES).map(([path, table]) => {
    const text = readFileSync(join(root, path), 'utf8');
    return [path, replaceMarked(text, table())] as const;
  });
  return new Map(files);
}

function replaceMarked(text: string, table: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin);
  if (begin === -1 || end === -1) throw new Error(`no marks for a table: ${BEGIN.trim()} … ${END.trim()}`);
  return text.slice(0, begin + BEGIN.length) + table + text.slice(end);
}

function protocolTable(): string {
  const rows = options.map(([name, { value, meaning }]) => [quote(name), describeKind(value), meaning]);
  return renderTable([['option', 'type', 'meaning'], ...rows]);
}

function operatorTable(): string {
  const rows = options.map(([name, option]) => {
    const { default: preset = '', ceilings = [] } = option.operator;
    return [quote(name), wayIn(option), quote(preset), ceilings.map(quote).join(', ')];
  });
  return renderTable([['option', "Claude Code's flag", 'default', 'ceiling'], ...rows]);
}

function wayIn({ reaches, value }: ClaudeOption): string {
  if ('as' in reaches) return reaches.as;
  return quote(reaches.flag) + (value.kind === 'list' ? ', once for each' : '');
}

function quote(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function renderTable([head, ...rows]: string[][]): string {
  const lines = [head!, head!.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`);
  return lines.join('');
}
