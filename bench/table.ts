/** Figures as text. */

export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  /** The first cell names the row. */
  readonly rows: readonly (readonly string[])[];
};

/** `12,345`, `12.3`; a dash for what is unknown. */
export function figure(value: number | undefined, digits = 0): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Aligned lines: names to the left, figures to the right. */
export function formatTable({ title, columns, rows }: Table): string[] {
  const cells = [['', ...columns], ...rows];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  return [title, ...lines.map((line) => `  ${line}`)];
}

/** The least and the most of several figures. */
export function range(values: readonly number[], digits = 0): string {
  return `${figure(Math.min(...values), digits)} … ${figure(Math.max(...values), digits)}`;
}

/** A row for each system. */
export function systemRows<T>(
  bySystem: Readonly<Record<string, T>>,
  cells: (one: T) => readonly string[],
): string[][] {
  return Object.entries(bySystem).map(([system, one]) => [system, ...cells(one)]);
}
