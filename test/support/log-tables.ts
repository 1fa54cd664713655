/** Tables of the catalog and of the log, made by hand; every column is an INT but for those that a test changes. */
import { columnTypes } from '../../src/drivers/mysql/binlog/column-types.ts';
import type { RowsEvent } from '../../src/drivers/mysql/binlog/rows.ts';
import type { ColumnMap, TableMap } from '../../src/drivers/mysql/binlog/table-map.ts';
import type { LogContext } from '../../src/drivers/mysql/log-access.ts';
import { createLogTables } from '../../src/drivers/mysql/log-tables.ts';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/options.ts';
import type { SchemaColumn } from '../../src/drivers/mysql/schema-column.ts';
import { tableIdOf } from '../../src/drivers/mysql/sql-text.ts';
import type { TableName } from '../../src/drivers/mysql/statement.ts';
import type { TableDefinition, TableSelection } from '../../src/drivers/mysql/tables.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import { mysqlFacts, plainOptions } from './mysql-facts.ts';

export function schemaColumn(name: string, changes: Partial<SchemaColumn> = {}): SchemaColumn {
  return {
    name,
    columnType: 'int',
    nullable: false,
    shape: { kind: 'integer', wide: false },
    unsigned: false,
    zerofill: false,
    fixedPoint: false,
    charset: null,
    collation: null,
    members: null,
    generated: false,
    invisible: false,
    period: null,
    ...changes,
  };
}

/** In the database `s`; its key is its first column. */
export function table(
  name: string,
  columns: readonly (string | SchemaColumn)[],
  changes: Partial<TableDefinition> = {},
): TableDefinition {
  const all = columns.map((column) => (typeof column === 'string' ? schemaColumn(column) : column));
  return {
    id: tableIdOf('s', name),
    schema: 's',
    name,
    columns: all,
    allColumns: all,
    key: [all[0]?.name ?? ''],
    transactional: true,
    versioning: null,
    fingerprint: JSON.stringify([name, all]),
    rowsEstimated: null,
    ...changes,
  };
}

export function columnMap(name: string | null, changes: Partial<ColumnMap> = {}): ColumnMap {
  return {
    type: columnTypes.long,
    meta: 0,
    nullable: false,
    name,
    unsigned: name === null ? null : false,
    collation: null,
    members: null,
    dimensions: null,
    visible: null,
    ...changes,
  };
}

/** With full metadata, and its first column as the key. */
export function tableMap(
  name: string,
  columns: readonly (string | ColumnMap)[],
  changes: Partial<TableMap> = {},
): TableMap {
  return {
    type: 'table_map',
    tableId: 1,
    schema: 's',
    table: name,
    columns: columns.map((column) => (typeof column === 'string' ? columnMap(column) : column)),
    primaryKey: [{ column: 0, prefix: 0 }],
    fullMetadata: true,
    ...changes,
  };
}

/** As a server without binlog_row_metadata has it. */
export function bareMap(name: string, columns: readonly ColumnMap[]): TableMap {
  const bare = columns.map((column) => ({ ...column, name: null, unsigned: null }));
  return tableMap(name, bare, { primaryKey: null, fullMetadata: false });
}

type Value = number | null | Buffer;

/** Of insert and delete: rows; of update: rows before and after in turn. */
export function rowsEvent(
  op: RowsEvent['op'],
  images: readonly (readonly Value[])[],
  changes: Partial<RowsEvent> = {},
): RowsEvent {
  const count = images[0]?.length ?? 0;
  const present = { bitmap: Buffer.alloc((count + 7) >> 3, 0xff), count, full: true };
  return {
    type: 'rows',
    op,
    tableId: 1,
    endOfStatement: true,
    columnCount: count,
    before: op === 'insert' ? null : present,
    after: op === 'delete' ? null : present,
    partialJson: false,
    rows: Buffer.concat(images.map(imageOf)),
    ...changes,
  };
}

function imageOf(values: readonly Value[]): Buffer {
  const nulls = Buffer.alloc((values.length + 7) >> 3);
  values.forEach((value, index) => {
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return Buffer.concat([nulls, ...values.map(bytesOf)]);
}

function bytesOf(value: Value): Buffer {
  if (value === null) return Buffer.alloc(0);
  if (typeof value !== 'number') return value;
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

/** `gtid: null`, as on a server without GTIDs. */
export function at(offset: number): MysqlPosition {
  return { kind: 'mysql', gtid: null, file: 'binlog.000001', offset };
}

export function selectionOf(
  tables: readonly TableDefinition[],
  changes: Partial<TableSelection> = {},
): TableSelection {
  return { tables, excluded: [], cascades: new Map(), ...changes };
}

export interface ScriptedCatalog {
  readonly tables: ReturnType<typeof createLogTables>;
  /** Names that were waited for, of each time that the catalog was looked up. */
  readonly refreshed: (readonly TableName[])[];
  /** What the next look finds. */
  becomes(selection: TableSelection): void;
  /** Somebody else looks. */
  look(): void;
  /** The table was dumped. */
  dumped(definition: TableDefinition, place: MysqlPosition): void;
}

export function scriptedCatalog(
  selection: TableSelection,
  {
    options = {},
    variables = {},
  }: {
    readonly options?: Partial<MysqlDriverOptions>;
    readonly variables?: Record<string, string>;
  } = {},
): ScriptedCatalog {
  let now = selection;
  let next = selection;
  const dumps = new Map<string, { position: MysqlPosition; fingerprint: string }>();
  const refreshed: (readonly TableName[])[] = [];
  const context: Omit<LogContext, 'control' | 'target' | 'missed'> = {
    options: plainOptions(options),
    facts: mysqlFacts({ variables }),
    selection: () => now,
    refresh: async (_signal, changed = []) => {
      refreshed.push(changed);
      now = next;
      return now;
    },
    dumpedAt: (id) => dumps.get(id)?.position ?? null,
    dumpedAs: (id) => dumps.get(id)?.fingerprint ?? null,
  };
  return {
    tables: createLogTables(context as LogContext),
    refreshed,
    becomes(selection) {
      next = selection;
    },
    look() {
      now = { ...next };
    },
    dumped({ id, fingerprint }, position) {
      dumps.set(id, { position, fingerprint });
    },
  };
}
