/** Syncs as `watcher status` shows them. Pure. */
import type { SyncJson } from '../api/schemas/sync.ts';
import {
  bytesText,
  countText,
  percentText,
  printable,
  secondsText,
  unknown,
} from './quantities.ts';
import type { Format, Style } from './surroundings.ts';
import { type Cell, type Column, tableLines } from './table.ts';

type Dump = SyncJson['dump'];

const stateFormats: Readonly<Record<SyncJson['state'], Format>> = {
  stopped: 'dim',
  starting: 'cyan',
  dumping: 'cyan',
  streaming: 'green',
  backing_off: 'yellow',
  standby: 'dim',
  failed: 'red',
  stopping: 'dim',
};

export function stateCell({ state }: SyncJson): Cell {
  const format = (stateFormats as Partial<Record<string, Format>>)[state];
  return { text: printable(state), ...(format === undefined ? {} : { format }) };
}

const columns: readonly Column<SyncJson>[] = [
  { title: 'NAME', rank: 0, cell: ({ name }) => ({ text: printable(name) }) },
  { title: 'STATE', rank: 0, cell: stateCell },
  { title: 'LAG', rank: 0, right: true, cell: ({ lag }) => ({ text: secondsText(lag.seconds) }) },
  { title: 'BEHIND', rank: 4, right: true, cell: ({ lag }) => ({ text: bytesText(lag.bytes) }) },
  { title: 'DUMP', rank: 1, cell: ({ dump }) => ({ text: dumpWord(dump) }) },
  {
    title: 'LOG KEPT',
    rank: 5,
    right: true,
    cell: (sync) => ({ text: bytesText(sync.retained_log_bytes) }),
  },
  {
    title: 'POSITION',
    rank: 6,
    maxWidth: 28,
    cell: ({ position }) => ({ text: positionText(position) }),
  },
  {
    title: 'INSTANCE',
    rank: 3,
    maxWidth: 28,
    cell: ({ instance }) => ({ text: printable(instance ?? unknown) }),
  },
];

const noteColumn: Column<SyncJson> = { title: 'NOTE', rank: 0, cell: noteCell };

/**
 * A row for each sync, and under the table what is wrong, with what mends it.
 * @param more Columns that only a caller knows.
 */
export function overviewLines(
  syncs: readonly SyncJson[],
  style: Style,
  width: number | null,
  more: readonly Column<SyncJson>[] = [],
): string[] {
  if (syncs.length === 0) return ['No sync is configured.'];
  const lines = tableLines(syncs, [...columns, ...more, noteColumn], style, width);
  for (const { name, last_error: error } of syncs) {
    if (error !== null) lines.push('', ...errorLines(error, `${printable(name)}: `, style));
  }
  return lines;
}

function noteCell({ last_error: error, warnings }: SyncJson): Cell {
  if (error !== null) return { text: printable(error.code), format: 'red' };
  if (warnings.length === 0) return { text: '' };
  const text = `${warnings.length} warning${warnings.length === 1 ? '' : 's'}`;
  return { text, format: 'yellow' };
}

export function dumpWord({ state, percent, eta_seconds: eta }: Dump): string {
  if (state !== 'running') return state === 'none' ? unknown : printable(state);
  const rest = eta === null ? '' : `, ${secondsText(eta)} left`;
  return `${percentText(percent)}${rest}`;
}

function positionText(position: SyncJson['position']): string {
  if (position === null) return unknown;
  if ('lsn' in position) return printable(position.lsn);
  return printable(position.gtid ?? `${position.file}:${position.offset}`);
}

function errorLines(
  error: NonNullable<SyncJson['last_error']>,
  start: string,
  style: Style,
): string[] {
  const again = error.retry_at === null ? '' : ` (next attempt: ${error.retry_at})`;
  return [
    `${start}${style('red', printable(`${error.code}: ${error.message}`))}${printable(again)}`,
    ...remedyLines(error.remedy),
  ];
}

/** Each line by itself, so that SQL can be copied. */
export function remedyLines(remedy: string): string[] {
  return remedy.split('\n').map((line) => `  ${printable(line)}`);
}

/** Everything that is known of one sync. */
export function detailLines(sync: SyncJson, style: Style, width: number | null): string[] {
  const { text, format } = stateCell(sync);
  const name = style('bold', printable(sync.name));
  return [
    `${name}  ${format === undefined ? text : style(format, text)}`,
    ...facts(sync).map(([title, value]) => `  ${style('dim', title.padEnd(12))}${value}`),
    ...tableProgressLines(sync.dump, style, width),
    ...warningLines(sync, style),
    ...(sync.last_error === null ? [] : ['', ...errorLines(sync.last_error, '', style)]),
  ];
}

function facts(sync: SyncJson): [title: string, value: string][] {
  const { lag, counters, checkpoint, dump } = sync;
  const source = sync.source_position;
  const behind = source === null ? '' : `, the source is at ${positionText(source)}`;
  const times = [dump.started_at, dump.finished_at].map((time) => printable(time ?? ''));
  return [
    ['driver', printable(sync.driver)],
    ['desired', printable(sync.desired)],
    ['instance', printable(sync.instance ?? unknown)],
    ['position', `${positionText(sync.position)}${behind}`],
    ['lag', `${secondsText(lag.seconds)}, ${bytesText(lag.bytes)}`],
    ['log kept', bytesText(sync.retained_log_bytes)],
    [
      'checkpoint',
      checkpoint.revision === null
        ? unknown
        : `revision ${checkpoint.revision} of ${printable(checkpoint.committed_at ?? unknown)}`,
    ],
    [
      'changes',
      `${countText(counters.inserts)} inserts, ${countText(counters.updates)} updates, ` +
        `${countText(counters.deletes)} deletes, ${countText(counters.truncates)} truncates ` +
        `in ${countText(counters.transactions)} transactions`,
    ],
    [
      'written',
      `${countText(counters.puts)} puts in ${countText(counters.etcd_txns)} etcd transactions, ` +
        bytesText(counters.bytes),
    ],
    ['dump', [dumpWord(dump), ...times.filter((time) => time !== '')].join('  ')],
  ];
}

function warningLines({ warnings }: SyncJson, style: Style): string[] {
  if (warnings.length === 0) return [];
  return warnings.flatMap(({ code, message, remedy, table }) => {
    const about = table === null ? '' : `${printable(table)}: `;
    return [
      '',
      `${style('yellow', `warning ${printable(code)}`)}  ${about}${printable(message)}`,
      ...remedyLines(remedy),
    ];
  });
}

type Table = Dump['tables'][number];

const tableFormats: Readonly<Record<Table['state'], Format>> = {
  pending: 'dim',
  running: 'cyan',
  done: 'green',
  failed: 'red',
  excluded: 'dim',
};

/** A line for each table of the dump, with a bar for those that run. */
export function tableProgressLines({ tables }: Dump, style: Style, width: number | null): string[] {
  const progress: readonly Column<Table>[] = [
    { title: '  TABLE', rank: 0, maxWidth: 50, cell: (t) => ({ text: `  ${printable(t.table)}` }) },
    {
      title: 'STATE',
      rank: 0,
      cell: ({ state }) => ({ text: state, format: tableFormats[state] ?? 'dim' }),
    },
    { title: '', rank: 2, cell: (table) => ({ text: bar(shareOf(table)), format: 'cyan' }) },
    { title: 'ROWS', rank: 0, right: true, cell: ({ rows }) => ({ text: countText(rows) }) },
    {
      title: 'ESTIMATED',
      rank: 1,
      right: true,
      cell: (table) => ({ text: countText(table.rows_estimated) }),
    },
  ];
  return tables.length === 0 ? [] : tableLines(tables, progress, style, width);
}

/** An estimate may be too low: a table that is not done is never at its end. */
function shareOf({ state, rows, rows_estimated: estimated }: Table): number | null {
  if (state === 'done') return 1;
  if (state !== 'running' || estimated === null) return null;
  return Math.min(rows / Math.max(estimated, 1), 0.99);
}

const barWidth = 20;

/** @param share 0 to 1; null: no bar. */
export function bar(share: number | null): string {
  if (share === null) return '';
  const full = Math.floor(share * barWidth);
  return '█'.repeat(full) + '░'.repeat(barWidth - full);
}
