/**
 * One random workload, and what four make of its binlog: the driver, the servers' own mysqlbinlog, another reader, and
 * the server itself, which says what is in the table in the end.
 */
import { expect, test } from 'vitest';
import type { Change } from '../../src/replication/change.ts';
import { readLog } from '../support/binlog-oracle.ts';
import { logEnd, readerOptions } from '../support/binlog-reader.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { oracleColumns } from '../support/mysql-oracle-columns.ts';
import { changesOf, streamed } from '../support/mysql-oracle-stream.ts';
import { lastId, runWorkload, workloadTables } from '../support/mysql-oracle-workload.ts';
import { type ReaderRow, readByZongji } from '../support/mysql-oracle-zongji.ts';
import { mysqlRows } from '../support/mysql-rows.ts';
import { Random } from '../support/random.ts';
import { describeMysql } from '../support/servers.ts';
import { sameRows } from '../support/source-rows.ts';

const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
const transactions = 250;

/** `key`, where the row was, then the row: one of them is empty in an insert, and one in a delete. */
function line(key: string, fragments: readonly string[] | null): string {
  return `${key}: ${fragments === null ? '' : fragments.map(plain).join(',')}`;
}

/** Strings may be escaped in several ways. */
function plain(fragment: string): string {
  return fragment.startsWith('"') ? JSON.stringify(JSON.parse(fragment)) : fragment;
}

/** @param isLeftOut columns that are not compared */
function ours(change: Change, isLeftOut: (column: string) => boolean = () => false): string {
  const old = change.op === 'delete' || change.op === 'update' ? change.old : null;
  const row = change.op === 'insert' || change.op === 'update' ? change.row : null;
  // An update that leaves the key has no old image.
  const key = change.op === 'insert' ? '' : (old ?? row)?.[0];
  const compared = row?.filter((_, at) => !isLeftOut(change.relation.columns[at]?.name ?? ''));
  return line(key ?? '', (compared as readonly string[] | undefined) ?? null);
}

function byTool(old: readonly string[] | null, row: readonly string[] | null): string {
  const fragments = row?.map((text, at) => {
    if (at === 0) return text;
    return text === 'NULL' ? 'null' : (oracleColumns[at - 1]?.fromTool(text) ?? '');
  });
  return line(old?.[0] ?? '', fragments ?? null);
}

function byReader(old: ReaderRow | null, row: ReaderRow | null): string {
  const fragments = oracleColumns.flatMap(({ name, fromReader }) => {
    if (fromReader === undefined) return [];
    const value = row?.[name];
    return [value === null || value === undefined ? 'null' : fromReader(value)];
  });
  return line(
    old === null ? '' : String(old.id),
    row === null ? null : [String(row.id), ...fragments],
  );
}

/** The rows that are there after the changes. @throws Error when a change is about a row that is not there */
function replay(changes: readonly Change[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const change of changes) {
    const { op, relation } = change;
    if (op === 'truncate') throw new Error('nothing was truncated');
    const old = op === 'insert' ? null : (change.old ?? (op === 'update' ? change.row : null));
    if (old !== null && !rows.delete(old[0] ?? '')) throw new Error(`there is no row ${old[0]}`);
    if (op === 'delete') continue;
    const [key = ''] = change.row;
    if (rows.has(key)) throw new Error(`there is a row ${key}`);
    const members = relation.columns.map(
      ({ name }, at) => `${JSON.stringify(name)}:${change.row[at]}`,
    );
    rows.set(key, `{${members}}`);
  }
  return rows;
}

type Groups = readonly (readonly string[])[];

/** The same lines in the same transactions; what has none does not count. All of them would be too much for a message. */
function expectSame(found: Groups, expected: Groups): void {
  const lines = (groups: Groups) =>
    groups
      .filter(({ length }) => length > 0)
      .flatMap((group, at) => group.map((text) => `${at} ${text}`));
  const [one, other] = [lines(found), lines(expected)];
  const at = one.findIndex((text, index) => text !== other[index]);
  expect(one[at]).toBe(other[at]);
  expect(one.length).toBe(other.length);
}

describeMysql(['mysql', 'mariadb'], (server) => {
  test(`TEST_SEED=${seed}`, async () => {
    await using database = await createMysqlDatabase(server());
    const options = await readerOptions(server(), 3_940_000_000);
    await database.query(workloadTables);
    const begin = await logEnd(options);
    await runWorkload(database, new Random(seed), transactions);
    const table = `${database.name}.p`;
    const matches = (_: string, name: string) => name === 'p';

    const messages = await streamed(database, begin, await logEnd(options), { matches });
    const changes = changesOf(messages);
    expect(changes.length).toBeGreaterThan(1_500);

    const reader = await readByZongji(database, 'p', begin, ({ row }) => row?.id === lastId);
    const isLeftOut = (name: string) =>
      oracleColumns.find((column) => column.name === name)?.fromReader === undefined &&
      name !== 'id';
    expectSame(
      [changes.map((change) => ours(change, isLeftOut))],
      [reader.map(({ old, row }) => byReader(old, row))],
    );

    if (server().programs !== undefined) {
      const logged = await readLog(server(), table, begin);
      const ourGroups = messages.map((message) =>
        message.type === 'transaction' ? message.changes.map((change) => ours(change)) : [],
      );
      expectSame(
        ourGroups,
        logged.map((group) => group.changes.map(({ old, row }) => byTool(old, row))),
      );
    }

    const rows = new Map(
      [...replay(changes)].map(([key, json]) => [`${database.name}/p/${key}`, json]),
    );
    expect(sameRows(await mysqlRows('', database, { table: 'p' }), rows)).toEqual([]);
  });
});
