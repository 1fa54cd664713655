/** A log that a test writes event by event, tables that it knows, and an assembler that reads it. */
import { Assembler, type AssemblerOptions } from '../../../../src/drivers/mysql/assemble.ts';
import type { BinlogEvent } from '../../../../src/drivers/mysql/binlog/decode.ts';
import type { LogEvent } from '../../../../src/drivers/mysql/log-event.ts';
import type { LogTable, LogTables } from '../../../../src/drivers/mysql/log-table.ts';
import { MemoryStaging } from '../../../../src/drivers/mysql/memory-staging.ts';
import type { Flavour, ServerFacts } from '../../../../src/drivers/mysql/server-facts.ts';
import type { Statement } from '../../../../src/drivers/mysql/statement.ts';
import type {
  CatalogEvent,
  Change,
  Relation,
  StreamMessage,
  TransactionPart,
} from '../../../../src/replication/change.ts';
import type { ResumePoint } from '../../../../src/replication/driver.ts';
import type { MysqlPosition } from '../../../../src/replication/position.ts';

export const uuid = '5c1f61ee-c55f-11f0-8de9-0242ac120002';
export const serverUuid = '00000000-0000-0000-0000-000000000001';

const statements: Readonly<Record<string, Statement>> = {
  BEGIN: { kind: 'begin' },
  ROLLBACK: { kind: 'rollback' },
  'CREATE USER u': { kind: 'harmless' },
  'CREATE TABLE c': { kind: 'tables', effects: [{ kind: 'create', name: name('c') }] },
  'ALTER TABLE t': { kind: 'tables', effects: [{ kind: 'alter', name: name('t') }] },
  'TRUNCATE TABLE t': { kind: 'tables', effects: [{ kind: 'truncate', name: name('t') }] },
};

function name(table: string) {
  return { schema: 'db', table };
}

/** What statement.ts makes of the few statements that these tests need. */
export function classify(sql: string): Statement {
  const savepoint = /^(SAVEPOINT|ROLLBACK TO|RELEASE) (\S+)$/.exec(sql);
  if (savepoint !== null) {
    const kinds = {
      SAVEPOINT: 'savepoint',
      'ROLLBACK TO': 'rollback_to',
      RELEASE: 'release',
    } as const;
    return { kind: kinds[savepoint[1] as keyof typeof kinds], name: savepoint[2] ?? '' };
  }
  const xa = /^XA (START|END|PREPARE|COMMIT|ROLLBACK) (\S+)( ONE PHASE)?$/.exec(sql);
  if (xa !== null) {
    const verb = xa[1]?.toLowerCase() as Extract<Statement, { kind: 'xa' }>['verb'];
    return { kind: 'xa', verb, xid: xa[2] ?? '', onePhase: xa[3] !== undefined };
  }
  if (sql === 'DELETE FROM t') return { kind: 'dml', verb: 'DELETE', empties: true };
  const dml = /^(INSERT|UPDATE|DELETE)\b/.exec(sql);
  if (dml !== null) return { kind: 'dml', verb: dml[1] ?? '' };
  return statements[sql] ?? { kind: 'unknown' };
}

/** Events, each where the one before it ends; 100 bytes each. */
export class LogScript {
  file: string;
  offset: number;
  /** Seconds. */
  timestamp = 1_000;
  readonly events: LogEvent[] = [];

  constructor(file = 'binlog.000001', offset = 4) {
    this.file = file;
    this.offset = offset;
  }

  add(body: BinlogEvent): this {
    const start = this.offset;
    this.offset += 100;
    return this.#push(body, start, this.offset);
  }

  /** Not in the file. */
  artificial(body: BinlogEvent): this {
    return this.#push(body, this.offset, this.offset);
  }

  gtid(gno: number, tag = '', committedAtMicros: number | null = 5_000_000): this {
    return this.add({ type: 'gtid', uuid, tag, gno: BigInt(gno), committedAtMicros });
  }

  anonymous(): this {
    return this.add({ type: 'anonymous_gtid', committedAtMicros: null });
  }

  mariadb(
    gtid: string,
    standalone = false,
    xa: Extract<BinlogEvent, { type: 'mariadb_gtid' }>['xa'] = null,
  ): this {
    const [domain = 0, serverId = 0, sequence = 0] = gtid.split('-').map(Number);
    return this.add({
      type: 'mariadb_gtid',
      domain,
      serverId,
      sequence: BigInt(sequence),
      standalone,
      ddl: standalone,
      xa,
    });
  }

  query(sql: string, schema = 'db'): this {
    return this.add({
      type: 'query',
      schema,
      sql,
      session: {} as Extract<BinlogEvent, { type: 'query' }>['session'],
    });
  }

  begin(): this {
    return this.query('BEGIN');
  }

  /** One row event: the rows are inserts with these ids. */
  rows(table: string, ...ids: (number | string)[]): this {
    const tableId = 70 + (table.codePointAt(0) ?? 0);
    this.add({ ...emptyMap, tableId, schema: 'db', table });
    return this.add(rowsOf(tableId, ids));
  }

  xaPrepare(xid: string, onePhase = false): this {
    return this.query(`XA END ${xid}`).add({ type: 'xa_prepare', onePhase, xid });
  }

  xid(): this {
    return this.add({ type: 'xid' });
  }

  heartbeat(offset = this.offset): this {
    this.artificial({ type: 'heartbeat', file: this.file, offset });
    return this;
  }

  rotate(): this {
    const number = Number(this.file.slice(-6)) + 1;
    const file = `binlog.${String(number).padStart(6, '0')}`;
    this.add({ type: 'rotate', file, offset: 4 });
    this.file = file;
    this.offset = 4;
    return this.artificial({ type: 'rotate', file, offset: 4 });
  }

  #push(body: BinlogEvent, start: number, end: number): this {
    const { timestamp } = this;
    const header = { timestamp, type: 0, serverId: 1, sizeBytes: 100, nextOffset: 0, flags: 0 };
    this.events.push({ event: body, header, file: this.file, start, end });
    return this;
  }
}

const emptyMap = {
  type: 'table_map',
  columns: [],
  primaryKey: null,
  fullMetadata: true,
} as const;

function rowsOf(tableId: number, ids: readonly unknown[]): BinlogEvent {
  return {
    type: 'rows',
    op: 'insert',
    tableId,
    endOfStatement: true,
    columnCount: 1,
    before: null,
    after: null,
    partialJson: false,
    rows: Buffer.from(JSON.stringify(ids)),
  };
}

export function relation(table: string, changes: Partial<Relation> = {}): Relation {
  return {
    tableId: table,
    schema: 'db',
    table,
    columns: [{ name: 'id', keyText: (fragment) => fragment }],
    key: [0],
    signature: `${table} 1`,
    keyDeferrable: false,
    mayOmit: false,
    ...changes,
  };
}

/** `t` and `u` are of the sync, `m` is without transactions, `o` is not of the sync. */
export class ScriptedTables implements LogTables {
  readonly relations = new Map(['t', 'u', 'm'].map((table) => [table, relation(table)]));
  readonly applied: { readonly kind: string; readonly place: MysqlPosition }[] = [];
  /** What `cascades` gives next. */
  readonly cascading: CatalogEvent[] = [];
  readonly cascadePlaces: MysqlPosition[] = [];

  describe({ table }: { readonly table: string }): LogTable {
    const found = this.relations.get(table) ?? null;
    return {
      relation: found,
      transactional: table !== 'm',
      read: ({ rows }, messagesBefore) => {
        const ids = JSON.parse(rows.toString()) as unknown[];
        const changes = ids.map(
          (id, index): Change => ({
            op: 'insert',
            relation: found ?? relation(table),
            row: [JSON.stringify(id)],
            messagesBefore: messagesBefore + index,
          }),
        );
        return { rows: ids.length, changes: found === null ? [] : changes };
      },
    };
  }

  async apply(effects: Parameters<LogTables['apply']>[0], place: MysqlPosition) {
    const [effect] = effects;
    if (effect === undefined || !('name' in effect)) throw new Error('an effect on a table');
    this.applied.push({ kind: effect.kind, place });
    const { table } = effect.name;
    const known = this.relations.get(table) ?? relation(table);
    if (effect.kind === 'truncate') {
      const truncate: Change = { op: 'truncate', relation: known, messagesBefore: 0 };
      return { changes: [truncate], events: [] };
    }
    if (effect.kind === 'create') this.relations.set(table, known);
    return { changes: [], events: [redumpOf(table, effect.kind)] };
  }

  cascades(_: readonly Change[], place: MysqlPosition): readonly CatalogEvent[] {
    this.cascadePlaces.push(place);
    return this.cascading.splice(0);
  }

  unknownCommit(xid: string): readonly CatalogEvent[] {
    return [redumpOf('t', xid)];
  }
}

export function redumpOf(table: string, reason: string): CatalogEvent {
  return {
    kind: 'redump',
    tableId: table,
    table: reason === 'create' ? table : `db.${table}`,
    reason,
  };
}

export function facts(flavour: Flavour, gtids = true): ServerFacts {
  return {
    flavour,
    version: flavour === 'mysql' ? 90704 : 101106,
    versionText: '',
    variables: new Map([['server_uuid', serverUuid]]),
    account: '',
    gtids,
    logEnd: null,
    mayMonitor: true,
    grants: new Set(),
    mayLock: true,
    replicaRole: 'none',
  };
}

export function position(gtid: string | null, file = 'binlog.000001', offset = 4): MysqlPosition {
  return { kind: 'mysql', gtid, file, offset };
}

export interface AssembleOptions extends Partial<AssemblerOptions> {
  /** GTIDs at the start; null: they are off. */
  readonly gtid?: string | null;
  readonly flavour?: Flavour;
  readonly partial?: ResumePoint['partial'];
  readonly identity?: ResumePoint['identity'];
}

export function assembler(options: AssembleOptions = {}): Assembler {
  const {
    gtid = '',
    flavour = 'mysql',
    partial = null,
    identity = { server: serverUuid },
  } = options;
  return new Assembler({
    from: { position: position(gtid), identity, partial },
    facts: facts(flavour, gtid !== null),
    tables: new ScriptedTables(),
    classify,
    staged: new ScriptedStaging(),
    ...options,
  });
}

/** What the core keeps; as it does, it gives nothing for what was never staged. */
export class ScriptedStaging extends MemoryStaging {
  override async *read(id: string): AsyncGenerator<string> {
    if (this.undecided.includes(id)) yield* super.read(id);
  }
}

/** Everything that comes of the script; `staging` is where the core keeps what is staged. */
export async function assemble(
  script: LogScript,
  options: AssembleOptions | Assembler = {},
  staging: MemoryStaging = new ScriptedStaging(),
): Promise<StreamMessage[]> {
  const target =
    options instanceof Assembler ? options : assembler({ staged: staging, ...options });
  const messages: StreamMessage[] = [];
  const { signal } = new AbortController();
  for (const event of script.events) {
    for await (const message of target.handle(event, signal)) {
      messages.push(message);
      const step = message.type === 'transaction' ? message.staging : undefined;
      if (step !== undefined) staging.take(step);
    }
  }
  return messages;
}

export function ids(message: StreamMessage | undefined): unknown[] {
  if (message?.type !== 'transaction') throw new Error(`not a transaction: ${message?.type}`);
  return message.changes.map((change) =>
    'row' in change ? `${change.relation.table}${change.row[0]}` : change.op,
  );
}

export function parts(messages: readonly StreamMessage[]): TransactionPart[] {
  return messages.filter((message) => message.type === 'transaction');
}

/** `count` ids from `first` on. */
export function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
