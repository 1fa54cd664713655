/**
 * Captured binlog events: `NAME.hex` holds the SQL that made them and an event a line, `NAME.json` what the same
 * server then selected: as text; bytes, geometry and vectors as HEX(…), FLOAT as f+0e0, BIT and YEAR as n+0.
 */
import { existsSync, readFileSync } from 'node:fs';
import { BinlogDecoder, type BinlogEvent } from '../../../../../src/drivers/mysql/binlog/decode.ts';
import { type EventHeader, parseHeader } from '../../../../../src/drivers/mysql/binlog/header.ts';
import { type BinlogRow, RowDecoder } from '../../../../../src/drivers/mysql/binlog/row-images.ts';
import type { TableMap } from '../../../../../src/drivers/mysql/binlog/table-map.ts';
import type { ColumnHints } from '../../../../../src/drivers/mysql/binlog/values/codec.ts';

export interface SelectedColumn {
  readonly name: string;
  readonly type: string;
  readonly columnType: string;
  readonly charset: string | null;
}

export interface SelectedTable {
  readonly columns: readonly SelectedColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const root = new URL('../../../../fixtures/binlog/', import.meta.url);

export function eventBytes(path: string): Buffer[] {
  return readFileSync(new URL(`${path}.hex`, root), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Buffer.from(line, 'hex'));
}

export function hasFixture(path: string): boolean {
  return existsSync(new URL(`${path}.hex`, root));
}

export type HeadedEvent = BinlogEvent & { readonly header: EventHeader };

export function events(path: string): HeadedEvent[] {
  const decoder = new BinlogDecoder('crc32');
  return eventBytes(path).map((bytes) => ({
    ...decoder.decode(bytes),
    header: parseHeader(bytes),
  }));
}

export function selected(path: string): Record<string, SelectedTable> {
  return JSON.parse(readFileSync(new URL(`${path}.json`, root), 'utf8'));
}

/** What information_schema says, for servers whose table maps do not. */
export function hintsOf(table: SelectedTable): ColumnHints[] {
  return table.columns.map(({ type, columnType, charset }) => ({
    unsigned: columnType.includes('unsigned'),
    charset: charset ?? 'binary',
    ...(/^(enum|set)\(/.test(columnType) ? { members: membersOf(columnType) } : {}),
    ...(type === 'uuid' || type === 'inet4' || type === 'inet6' ? { address: type } : {}),
  }));
}

function membersOf(columnType: string): string[] {
  return [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = '']) =>
    label.replaceAll("''", "'").replaceAll('\\\\', '\\'),
  );
}

export interface ReplayedRow extends BinlogRow {
  readonly map: TableMap;
}

/** Every row of the events, in order. */
export function rowsOf(
  list: readonly BinlogEvent[],
  tables: Record<string, SelectedTable> = {},
): ReplayedRow[] {
  const maps = new Map<number, TableMap>();
  return list.flatMap((event) => {
    if (event.type === 'table_map') maps.set(event.tableId, event);
    if (event.type !== 'rows') return [];
    const map = maps.get(event.tableId);
    if (map === undefined) throw new Error('rows without a table map');
    const table = tables[map.table];
    const hints = table === undefined ? [] : hintsOf(table);
    const decoder = new RowDecoder(map, { numbers: 'number', hints });
    return decoder.decode(event).map((row) => ({ ...row, map }));
  });
}

/** What the table holds after all rows: the fragments of each row. */
export function contents(rows: readonly ReplayedRow[], table: string): unknown[][] {
  const live = new Map<string, unknown[]>();
  for (const { before, after, map } of rows) {
    if (map.table !== table) continue;
    if (before !== null && !live.delete(JSON.stringify(before))) throw new Error('no such row');
    if (after !== null) live.set(JSON.stringify(after), [...after]);
  }
  return [...live.values()];
}
