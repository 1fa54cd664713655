/** What a table holds at a place of the log, by the servers' own `mysqlbinlog -vv`: for tables of numbers and plain words. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { SharedMysqlServer } from './mysql-global-setup.ts';

interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

interface LoggedChange {
  readonly old: readonly string[] | null;
  readonly row: readonly string[] | null;
}

interface LoggedTransaction {
  readonly end: LogPlace;
  readonly changes: readonly LoggedChange[];
}

/** Transactions on `schema.table` from a place on to the end of the log; the first column is the key. */
export async function readLog(
  server: SharedMysqlServer,
  table: string,
  from: LogPlace,
): Promise<readonly LoggedTransaction[]> {
  const { programs, optionFile } = server;
  if (programs === undefined || optionFile === undefined)
    throw new Error('a server of our own is needed');
  const { stdout } = await promisify(execFile)(
    programs.binlog,
    [
      `--defaults-file=${optionFile}`,
      '--read-from-remote-server',
      '--to-last-log',
      '--base64-output=DECODE-ROWS',
      '-vv',
      `--start-position=${from.offset}`,
      from.file,
    ],
    { maxBuffer: 1 << 30 },
  );
  return parse(stdout, table, from.file);
}

function parse(text: string, table: string, firstFile: string): readonly LoggedTransaction[] {
  const name = table
    .split('.')
    .map((part) => `\`${part}\``)
    .join('.');
  const transactions: LoggedTransaction[] = [];
  let file = firstFile;
  let changes: { old: string[] | null; row: string[] | null }[] = [];
  let image: string[] | null = null;
  let current: { old: string[] | null; row: string[] | null } | null = null;
  for (const line of text.split('\n')) {
    const rotate = /\tRotate to (\S+)\s+pos:/.exec(line);
    if (rotate !== null) file = rotate[1] ?? file;
    const statement = /^### (INSERT INTO|UPDATE|DELETE FROM) (\S+)/.exec(line);
    if (statement !== null) {
      current = statement[2] === name ? { old: null, row: null } : null;
      if (current !== null) changes.push(current);
    }
    if (current !== null && /^### (SET|WHERE)/.test(line)) {
      image = [];
      if (line.startsWith('### WHERE')) current.old = image;
      else current.row = image;
    }
    // Behind the value: what it would be without a sign, and the type.
    const value = /^### {3}@\d+=(.*?)(?: \(\d+\))? \/\* .* \*\/$/.exec(line);
    if (current !== null && value !== null) image?.push(value[1] ?? '');
    const commit = /end_log_pos (\d+).*\tXid = /.exec(line);
    if (commit !== null) {
      transactions.push({ end: { file, offset: Number(commit[1]) }, changes });
      changes = [];
      current = null;
    }
  }
  return transactions;
}

/** Key → the values of the row, joined, at a place. */
export function stateAt(log: readonly LoggedTransaction[], place: LogPlace): Map<string, string> {
  const state = new Map<string, string>();
  for (const { end, changes } of log) {
    const after = end.file === place.file ? end.offset > place.offset : end.file > place.file;
    if (after) break;
    for (const { old, row } of changes) {
      if (old !== null && !state.delete(old[0] ?? '')) throw new Error('the oracle lacks a row');
      if (row !== null) state.set(row[0] ?? '', row.join('|'));
    }
  }
  return state;
}
