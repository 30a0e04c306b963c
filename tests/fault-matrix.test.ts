/** Keeps the fault matrix in docs/reliability.md equal to the suite in tests/faults. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const MOMENTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const folder = new URL('faults/', import.meta.url);

/** 'component · fault · moment' of every cell that a test names, from the titles in the sources. */
function testedCells(sources: string[]): Set<string> {
  const cells = new Set<string>();
  for (const source of sources) {
    for (const [, component, fault, moments = ''] of source.matchAll(
      /['"`]([\w-]+) · ([^·'"`]+) · ([a-g ]+): /g,
    )) {
      for (const moment of moments.trim().split(' ')) cells.add(`${component} · ${fault} · ${moment}`);
    }
  }
  return cells;
}

type Row = { component: string; fault: string; cells: string[] };

/** The rows of the matrix; its table is the one with the columns a to g. */
function matrixRows(markdown: string): Row[] {
  const lines = markdown.split('\n');
  const head = lines.findIndex((line) => line.startsWith('| component | fault | a |'));
  const rows: Row[] = [];
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break;
    const [component = '', fault = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    rows.push({ component, fault, cells });
  }
  return rows;
}

const rows = matrixRows(readFileSync(new URL('../docs/reliability.md', import.meta.url), 'utf8'));
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'));

test('every ticked cell of the fault matrix has its test, and every such test its ticked cell', () => {
  const ticked = rows.flatMap(({ component, fault, cells }) =>
    MOMENTS.filter((_, i) => cells[i] === '✓').map((moment) => `${component} · ${fault} · ${moment}`),
  );
  expect([...testedCells(sources)].sort()).toEqual(ticked.sort());
  expect(ticked.length).toBeGreaterThan(50);
});

test('every other cell says why there is no test', () => {
  const silent = rows.flatMap(({ component, fault, cells }) =>
    MOMENTS.filter((_, i) => cells[i] !== '✓' && !/^\S.{2,}/.test(cells[i] ?? '')).map(
      (moment) => `${component} · ${fault} · ${moment}`,
    ),
  );
  expect(silent).toEqual([]);
});

test('a cell without its test, and a test without its cell, would be noticed', () => {
  const [row] = matrixRows(
    '| component | fault | a | b |\n| --- | --- | --- | --- |\n| worker | SIGKILL | ✓ | n/a: x |\n',
  );
  expect(row).toEqual({ component: 'worker', fault: 'SIGKILL', cells: ['✓', 'n/a: x'] });
  expect(testedCells(["test('worker · SIGKILL · c d: it dies'"])).toEqual(
    new Set(['worker · SIGKILL · c', 'worker · SIGKILL · d']),
  );
});
