/** What was committed, in the order of the log: the output of the servers' own `mysqlbinlog -v`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { MysqlAddress } from '../../../../tools/testenv/mysql-address.ts';
import {
  mariadbInstallation,
  mysqlInstallation,
} from '../../../../tools/testenv/mysql-programs.ts';
import { isTable, type TableName } from './schema.ts';

export interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

export type LoggedEntry =
  /** Cells as the tool writes them. */
  | {
      readonly kind: 'row';
      readonly table: TableName;
      readonly old: readonly string[] | null;
      readonly row: readonly string[] | null;
    }
  | { readonly kind: 'truncate'; readonly table: TableName }
  | {
      readonly kind: 'column';
      readonly table: TableName;
      readonly column: string;
      readonly value: string;
    };

export interface LoggedTransaction {
  /** The GTID, or where it begins. */
  readonly name: string;
  readonly end: bigint;
  /** Of the test's own tables; empty for what others did. */
  readonly entries: readonly LoggedEntry[];
}

/** Places of one server as numbers that can be compared. */
export function orderOfPlace({ file, offset }: LogPlace): bigint {
  const number = /\.(\d+)$/.exec(file)?.[1];
  if (number === undefined) throw new Error(`not a file of the log: ${file}`);
  return (BigInt(number) << 40n) | BigInt(offset);
}

export function truncateSql(database: string, table: TableName): string {
  return `TRUNCATE TABLE \`${database}\`.\`${table}\``;
}

export function addColumnSql(
  database: string,
  table: TableName,
  column: string,
  value: number,
): string {
  return `ALTER TABLE \`${database}\`.\`${table}\` ADD COLUMN \`${column}\` INT DEFAULT ${value}`;
}

/** From a place between transactions to the end of the log. The rows are those of one database. */
export async function* readLogText(
  server: MysqlAddress,
  database: string,
  from: LogPlace,
): AsyncGenerator<LoggedTransaction> {
  const tool = spawn(...(await command(server, from)), {
    env: { ...process.env, MYSQL_PWD: server.password },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([once(tool, 'close'), text(tool.stderr)]);
  const parser = new Parser(database, from.file);
  try {
    for await (const line of createInterface({ input: tool.stdout })) {
      const transaction = parser.take(line);
      if (transaction !== null) yield transaction;
    }
  } finally {
    tool.kill();
  }
  const [[code], said] = await ended;
  if (code !== 0) throw new Error(`mysqlbinlog ended with ${code}: ${said}`);
}

/** MySQL 5.6 comes without the tool; that of a newer one reads its log. */
async function command(server: MysqlAddress, from: LogPlace): Promise<[string, string[]]> {
  const isMysql = server.flavour === 'mysql';
  const { programs } = isMysql
    ? await mysqlInstallation('9.7')
    : await mariadbInstallation('10.11');
  if (programs === undefined) throw new Error('no mysqlbinlog');
  const own = isMysql
    ? ['--get-server-public-key', `--plugin-dir=${programs.plugins}`]
    : ['--skip-annotate-row-events'];
  const { host, port, user } = server;
  const login = ['--protocol=tcp', `--host=${host}`, `--port=${port}`, `--user=${user}`];
  const remote = [
    '--read-from-remote-server',
    '--to-last-log',
    '--base64-output=DECODE-ROWS',
    '-v',
  ];
  const place = [`--start-position=${from.offset}`, from.file];
  return [programs.binlog, ['--no-defaults', ...login, ...own, ...remote, ...place]];
}

const header = /^#\d{6} .* end_log_pos (\d+)(?: CRC32 0x[0-9a-f]+)?\s+(\w+)(.*)$/;

interface OpenRow {
  readonly kind: 'row';
  readonly table: TableName;
  old: string[] | null;
  row: string[] | null;
}

class Parser {
  readonly #database: string;
  #file: string;
  #event = '';
  #end = 0;
  #name = '';
  #entries: LoggedEntry[] = [];
  /** What XA transactions have done that are prepared. */
  readonly #prepared = new Map<string, LoggedEntry[]>();
  /** The row that is being read, and its image; null: of a table of others. */
  #row: OpenRow | null = null;
  #image: string[] = [];

  constructor(database: string, file: string) {
    this.#database = database;
    this.#file = file;
  }

  /** @returns the transaction that ends with this line */
  take(line: string): LoggedTransaction | null {
    if (line.startsWith('#')) {
      if (line.startsWith('### ')) {
        this.#takeRow(line.slice(4));
        return null;
      }
      const found = header.exec(line);
      return found === null ? null : this.#takeEvent(found);
    }
    const gtid = /^SET @@SESSION\.GTID_NEXT= '([^']*:[^']*)'/.exec(line)?.[1];
    if (gtid !== undefined) this.#name = gtid;
    const xa = /^XA (PREPARE|COMMIT|ROLLBACK) (X'\w*',X'\w*',\d+)( ONE PHASE)?/.exec(line);
    if (xa !== null) return this.#takeXa(xa);
    return this.#event === 'Query' ? this.#takeStatement(line) : null;
  }

  /** XA PREPARE ends a group, and so does XA COMMIT, which is when the rows of the other one are there. */
  #takeXa([, verb, xid = '', onePhase]: RegExpExecArray): LoggedTransaction {
    if (verb === 'PREPARE') {
      this.#prepared.set(xid, this.#entries);
      this.#entries = [];
    } else if (onePhase === undefined) {
      const prepared = this.#prepared.get(xid);
      if (prepared === undefined) throw new Error(`prepared before the log begins: ${xid}`);
      this.#prepared.delete(xid);
      if (verb === 'COMMIT') this.#entries = prepared;
    }
    return this.#transaction();
  }

  #takeEvent([, end, event = '', rest = '']: RegExpExecArray): LoggedTransaction | null {
    this.#event = event;
    this.#end = Number(end);
    this.#row = null;
    if (event === 'Rotate') this.#file = /to (\S+)/.exec(rest)?.[1] ?? this.#file;
    // MySQL's are in a statement of their own.
    if (event === 'GTID') this.#name = /^ (\d+-\d+-\d+)/.exec(rest)?.[1] ?? this.#name;
    return event === 'Xid' ? this.#transaction() : null;
  }

  #transaction(): LoggedTransaction {
    const end = orderOfPlace({ file: this.#file, offset: this.#end });
    const name = this.#name === '' ? `${this.#file}:${this.#end}` : this.#name;
    const transaction = { name, end, entries: this.#entries };
    this.#entries = [];
    this.#name = '';
    return transaction;
  }

  #takeStatement(line: string): LoggedTransaction | null {
    // MySQL 5.6 ends an XA transaction so.
    if (line === 'COMMIT') return this.#transaction();
    // What these take back is not in the log, as long as every table has transactions.
    if (/^ROLLBACK\b/.test(line) && this.#entries.length > 0) throw new Error(`not read: ${line}`);
    const found = /^(TRUNCATE|ALTER) TABLE `(\w+)`\.`(\w+)`(.*)$/.exec(line);
    const [, verb, database, table = '', rest = ''] = found ?? [];
    if (database !== this.#database || !isTable(table)) return null;
    if (this.#entries.length > 0) throw new Error(`within a transaction: ${line}`);
    if (verb === 'TRUNCATE') this.#entries.push({ kind: 'truncate', table });
    else {
      const [, column = '', value = ''] = / ADD COLUMN `(\w+)` INT DEFAULT (\d+)$/.exec(rest) ?? [];
      if (column === '') throw new Error(`not read: ${line}`);
      this.#entries.push({ kind: 'column', table, column, value });
    }
    return this.#transaction();
  }

  #takeRow(line: string): void {
    const cell = /^ {2}@\d+=(.*)$/.exec(line);
    if (cell !== null) {
      if (this.#row !== null) this.#image.push(cell[1] ?? '');
    } else if (line === 'WHERE' || line === 'SET') {
      if (this.#row === null) return;
      this.#image = [];
      if (line === 'WHERE') this.#row.old = this.#image;
      else this.#row.row = this.#image;
    } else this.#takeVerb(line);
  }

  #takeVerb(line: string): void {
    const found = /^(?:INSERT INTO|UPDATE|DELETE FROM) `(\w+)`\.`(\w+)`$/.exec(line);
    const [, database, table = ''] = found ?? [];
    this.#row = null;
    if (database !== this.#database || !isTable(table)) return;
    this.#row = { kind: 'row', table, old: null, row: null };
    this.#entries.push(this.#row);
  }
}
