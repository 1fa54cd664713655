/**
 * `dump.method: mysqldump`: the rows as the real tool of MySQL or of MariaDB reads them. It begins while a lock is
 * held (snapshot.ts), so that its snapshot stands where ours do. Tables that it prints inexactly are read natively.
 */
import type { RowChunk } from '../../replication/driver.ts';
import { merge } from '../merge.ts';
import { noLimit } from './connection.ts';
import type { DumpTool } from './dump-tool.ts';
import { startDumpTool } from './dump-tool.ts';
import { isInsert, notUnderstood, parseInsert } from './insert-parser.ts';
import type { LogContext } from './log-access.ts';
import type { BoundTable } from './relation.ts';
import { bindDefinition } from './relation.ts';
import type { SchemaColumn } from './schema-column.ts';
import type { TableDefinition } from './tables.ts';
import { isShortYear } from './text-values.ts';

export interface Mysqldump {
  /** Whether the tool reads the table; the others are read natively. */
  reads(table: TableDefinition): boolean;
  /** Starts it; resolves when its snapshot is taken. */
  begin(): Promise<void>;
  /** Rows of the tables as they are known after the snapshot. */
  read(tables: readonly BoundTable[]): AsyncGenerator<RowChunk>;
  /** Ends it; nothing happens when it has ended. */
  stop(): void;
}

export function startMysqldump(
  context: LogContext,
  tables: readonly TableDefinition[],
  signal: AbortSignal,
): Mysqldump {
  const exact = isCut(context) ? [] : tables.filter(isExact);
  const chosen = new Set(exact.map(({ id }) => id));
  const schemas = [...new Set(exact.map(({ schema }) => schema))];
  const tools = new Map<string, DumpTool>();
  return {
    reads: ({ id }) => chosen.has(id),
    async begin() {
      for (const schema of schemas) {
        const names = tables.filter((table) => table.schema === schema && chosen.has(table.id));
        const tool = await startDumpTool(context, schema, names, signal);
        tools.set(schema, tool);
      }
      await Promise.all([...tools.values()].map((tool) => tool.snapshot));
    },
    read: (bound) =>
      merge(
        [...tools].map(([schema, tool]) =>
          readTool(tool, asPrinted(bound, schema, context.options.numbers)),
        ),
      ),
    stop() {
      for (const tool of tools.values()) tool.stop();
    },
  };
}

/** The tool leaves the server's sql_select_limit as it is, and ends well with that many rows of each table. */
function isCut({ facts, options }: Pick<LogContext, 'facts' | 'options'>): boolean {
  const limit = facts.variables.get('sql_select_limit') ?? noLimit;
  if (limit === noLimit) return false;
  options.logger.warn({ sql_select_limit: limit }, 'the tool would not read whole tables');
  return true;
}

/**
 * FLOAT is printed with six digits, (M,D) with D, and YEAR(2) with two; generated and invisible columns, and versions of rows, are
 * handled otherwise by each tool; tables without transactions need our lock.
 */
function isExact(table: TableDefinition): boolean {
  return table.transactional && table.versioning === null && table.allColumns.every(isPrinted);
}

function isPrinted(column: SchemaColumn): boolean {
  const { shape, fixedPoint, generated, invisible } = column;
  const isExactType = shape.kind !== 'float' && shape.kind !== 'vector' && !fixedPoint;
  return isExactType && !isShortYear(column) && !generated && !invisible;
}

interface PrintedTable {
  readonly bound: BoundTable;
  readonly encoders: BoundTable['encoders'];
}

/** The tool prints text in UTF-8, whatever its charset is. */
function asPrinted(
  tables: readonly BoundTable[],
  schema: string,
  numbers: 'number' | 'string',
): ReadonlyMap<string, PrintedTable> {
  const inUtf8 = (column: SchemaColumn): SchemaColumn => {
    const { shape, charset } = column;
    if (shape.kind === 'text') return { ...column, shape: { kind: 'text', charset: 'utf8mb4' } };
    return shape.kind === 'enum' || shape.kind === 'set'
      ? { ...column, charset: charset === null ? null : 'utf8mb4' }
      : column;
  };
  return new Map(
    tables
      .filter(({ definition }) => definition.schema === schema)
      .map((bound) => {
        const { definition } = bound;
        const columns = definition.columns.map(inUtf8);
        const { encoders } = bindDefinition({ ...definition, columns }, numbers);
        return [definition.name, { bound, encoders }];
      }),
  );
}

async function* readTool(
  tool: DumpTool,
  tables: ReadonlyMap<string, PrintedTable>,
): AsyncGenerator<RowChunk> {
  const left = new Set(tables.values());
  let current: PrintedTable | null = null;
  try {
    for await (const line of tool.lines()) {
      if (!isInsert(line)) {
        if (!isHarmless(line)) throw notUnderstood();
        continue;
      }
      const statement = parseInsert(line);
      const table: PrintedTable | undefined = tables.get(statement.table);
      // Left the sync between the two looks at the tables.
      if (table === undefined) continue;
      if (current !== null && current !== table) yield lastChunk(current);
      current = table;
      left.delete(table);
      yield { relation: table.bound.relation, rows: encodeRows(table, statement), last: false };
    }
    if (current !== null) yield lastChunk(current);
    for (const table of left) yield lastChunk(table);
  } finally {
    tool.stop();
  }
}

function lastChunk({ bound }: PrintedTable): RowChunk {
  return { relation: bound.relation, rows: [], last: true };
}

function encodeRows(
  { bound, encoders }: PrintedTable,
  { columns, rows }: ReturnType<typeof parseInsert>,
): RowChunk['rows'] {
  const places = bound.definition.columns.map(({ name }) => columns.indexOf(name));
  if (places.includes(-1)) throw notUnderstood();
  return rows.map((row) => encoders.map((encode, at) => encode(row[places[at] as number] ?? null)));
}

const harmless = /^(?:--|\/\*|$|(?:un)?lock tables\b|set\b|commit\b|use\b)/i;

/** Comments and what the tool says about the session that would load the dump. */
function isHarmless(line: Buffer): boolean {
  return harmless.test(line.toString('latin1', 0, 64));
}
