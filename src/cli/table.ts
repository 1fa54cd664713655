/** Rows of cells → lines, each column as wide as what stands in it. Pure. */
import type { Format, Style } from './surroundings.ts';

export interface Cell {
  readonly text: string;
  readonly format?: Format;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Cell;
  readonly right?: boolean;
  /** Where the terminal is too narrow, the columns with the highest are left out; 0 never is. */
  readonly rank: number;
  /** What is longer is cut. */
  readonly maxWidth?: number;
}

interface Laid<T> {
  readonly column: Column<T>;
  readonly cells: readonly Cell[];
  readonly width: number;
}

const gap = '  ';

/** @param columns The width of the terminal; null: as wide as it gets. */
export function tableLines<T>(
  rows: readonly T[],
  table: readonly Column<T>[],
  style: Style,
  columns: number | null,
): string[] {
  const laid = narrow(
    table.map((column) => lay(column, rows)),
    columns,
  );
  const line = (texts: readonly string[]): string => texts.join(gap).trimEnd();
  const head = line(laid.map(({ column, width }) => pad(column.title, width, column.right)));
  return [
    style('dim', head),
    ...rows.map((_, index) =>
      line(laid.map(({ column, cells, width }) => styled(cells[index], width, column, style))),
    ),
  ];
}

function lay<T>(column: Column<T>, rows: readonly T[]): Laid<T> {
  const cells = rows.map((row) => {
    const cell = column.cell(row);
    return { ...cell, text: cut(cell.text, column.maxWidth ?? Number.POSITIVE_INFINITY) };
  });
  const width = Math.max(column.title.length, ...cells.map(({ text }) => text.length));
  return { column, cells, width };
}

function narrow<T>(laid: readonly Laid<T>[], columns: number | null): readonly Laid<T>[] {
  const width = laid.reduce((sum, each) => sum + each.width + gap.length, -gap.length);
  const last = Math.max(...laid.map(({ column }) => column.rank));
  if (columns === null || width <= columns || last === 0) return laid;
  return narrow(
    laid.filter(({ column }) => column.rank !== last),
    columns,
  );
}

function styled<T>(cell: Cell | undefined, width: number, column: Column<T>, style: Style): string {
  const { text = '', format } = cell ?? {};
  const coloured = format === undefined ? text : style(format, text);
  const space = ' '.repeat(Math.max(0, width - text.length));
  return column.right === true ? space + coloured : coloured + space;
}

function pad(text: string, width: number, right = false): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
