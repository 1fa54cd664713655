/** Tables of a dump, each with a bar. */
import { count, percent } from './format.ts';
import { copyOf, part, setAttribute, setChildren, setHidden, setText } from './parts.ts';
import type { TableDump } from './sync.ts';

/** Those that are at work first, then those that failed, and so on; else in the order of the dump. */
const order = ['running', 'failed', 'pending', 'done', 'excluded'];

function rank({ state }: TableDump): number {
  const index = order.indexOf(state);
  return index < 0 ? order.length : index;
}

export function showTables(list: Element, tables: readonly TableDump[]): void {
  const sorted = [...tables].sort((a, b) => rank(a) - rank(b));
  setChildren(list, sorted, () => copyOf('table-template', HTMLLIElement), showTable);
}

function showTable(row: Element, table: TableDump): void {
  const { table: name, state, rows, rows_estimated: estimated } = table;
  const nameText = part(row, 'table-name', HTMLElement);
  setText(nameText, name);
  setAttribute(nameText, 'title', name);
  setAttribute(row, 'data-state', state);
  const bar = part(row, 'table-progress', HTMLProgressElement);
  const done = state === 'done' ? 100 : percent(rows, estimated);
  setAttribute(bar, 'aria-label', name);
  setBar(bar, state === 'running' ? done : (done ?? 0));
  setHidden(bar, state === 'excluded');
  const all = state === 'done' || estimated === null ? '' : ` of about ${count(estimated)}`;
  setText(part(row, 'table-rows', HTMLElement), state === 'excluded' ? '' : `${count(rows)}${all}`);
  setText(part(row, 'table-state', HTMLElement), state);
}

/** null: something is being done, and nobody knows how much of it. */
export function setBar(bar: HTMLProgressElement, value: number | null): void {
  if (value === null) bar.removeAttribute('value');
  else if (bar.position < 0 || bar.value !== value) bar.value = value;
}
