/** The dump of a sync: while it runs, with its tables; afterwards among the details. */
import { count, duration, plural } from './format.ts';
import { part, setHidden, setText } from './parts.ts';
import type { Dump, Sync, TableDump } from './sync.ts';
import { setBar, showTables } from './table-list.ts';
import { secondsUntil } from './times.ts';

export function showDump(root: ParentNode, { dump }: Sync): void {
  const block = part(root, 'dump', HTMLElement);
  const running = dump.state === 'running';
  setHidden(block, !running);
  if (running) showRunning(block, dump);
}

function showRunning(block: ParentNode, dump: Dump): void {
  const tables = wantedTables(dump);
  const done = tables.filter(({ state }) => state === 'done').length;
  const rows = rowsOf(tables);
  const share = dump.percent === null ? '' : `${Math.floor(dump.percent)} % · `;
  const ofTables = `${count(done)} of ${plural(tables.length, 'table')}`;
  setText(part(block, 'dump-text', HTMLElement), `${share}${plural(rows, 'row')} · ${ofTables}`);
  const left = dump.eta_seconds === null ? '' : `about ${duration(dump.eta_seconds)} left`;
  setText(part(block, 'dump-eta', HTMLElement), left);
  const bar = part(block, 'dump-progress', HTMLProgressElement);
  bar.setAttribute('aria-label', 'Dump');
  setBar(bar, dump.percent);
  showTables(part(block, 'dump-tables', HTMLUListElement), dump.tables);
  makeScrollable(part(block, 'dump-scroll', HTMLElement), 'Tables of the dump');
}

/** Among the details: how the last dump went. */
export function showLastDump(root: ParentNode, { dump }: Sync): void {
  setText(part(root, 'last-dump', HTMLElement), lastDumpText(dump));
  showTables(part(root, 'last-dump-tables', HTMLUListElement), dump.tables);
  makeScrollable(part(root, 'last-dump-scroll', HTMLElement), 'Tables of the last dump');
}

const outcomes: Readonly<Record<string, string>> = {
  none: 'There has been none.',
  running: 'It runs',
  done: 'Done',
  interrupted: 'It was abandoned',
  failed: 'It failed',
};

function wantedTables({ tables }: Dump): TableDump[] {
  return tables.filter(({ state }) => state !== 'excluded');
}

function rowsOf(tables: readonly TableDump[]): number {
  return tables.reduce((sum, table) => sum + table.rows, 0);
}

function lastDumpText(dump: Dump): string {
  const { state, started_at: from, finished_at: to } = dump;
  const outcome = outcomes[state] ?? state;
  if (state === 'none' || from === null) return outcome;
  const tables = wantedTables(dump);
  const rows = plural(rowsOf(tables), 'row');
  const tablesText = plural(tables.length, 'table');
  if (to === null) return `${outcome}: ${rows} of ${tablesText}, since ${ago(from)}.`;
  const took = duration(Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000));
  return `${outcome}, ${ago(to)} ago: ${rows} of ${tablesText} in ${took}.`;
}

function ago(time: string): string {
  return duration(Math.max(0, Math.round(-secondsUntil(time))));
}

/** A box that scrolls can be reached by the keyboard; one that does not is not in the way. */
function makeScrollable(box: HTMLElement, label: string): void {
  const scrolls = box.scrollHeight > box.clientHeight + 1;
  if (!scrolls) {
    for (const name of ['tabindex', 'role', 'aria-label']) box.removeAttribute(name);
    return;
  }
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', label);
}
