/** What a table may be and what may be done to it: dump, then stream, by the real process (SPEC §2, §5, §6). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgres, postgresMajors } from '../support/servers.ts';
import { startSync, type TestSync } from '../support/sync.ts';

const odd = { schema: 'Odd %/ä', table: `T"a'b le/%`, column: `Key "c" ü/` };
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const oddTable = `${quoted(odd.schema)}.${quoted(odd.table)}`;

const parted = (name: string) => `
CREATE TABLE ${name} (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE ${name}_1 PARTITION OF ${name} FOR VALUES IN (1);
CREATE TABLE ${name}_2 PARTITION OF ${name} FOR VALUES IN (2);
CREATE TABLE ${name}_3 PARTITION OF ${name} FOR VALUES IN (3);
INSERT INTO ${name} SELECT n, 1 + n % 3, 'p' FROM generate_series(1, 9) n;`;

const setup = `
CREATE TABLE plain (id int PRIMARY KEY, name text, price numeric(30, 10), at timestamptz DEFAULT '2020-01-01 02:00:00+02');
INSERT INTO plain VALUES (1, 'one', 1.10), (2, NULL, 12345678901234567890.0000000001), (-3, '', NULL);
CREATE TABLE emptied (id int PRIMARY KEY, text text);
INSERT INTO emptied SELECT n, 'x' || n FROM generate_series(1, 25000) n;
CREATE TABLE refilled (id int PRIMARY KEY, text text);
INSERT INTO refilled SELECT n, 'before' FROM generate_series(1, 25000) n;
CREATE TABLE composite (a text, v int, b int, PRIMARY KEY (b, a));
INSERT INTO composite VALUES ('x/y', 1, 1), ('', 2, 1), ('%', 3, 1), (E'tab\\t', 4, 2);
CREATE TABLE entire (id int PRIMARY KEY, v text); ALTER TABLE entire REPLICA IDENTITY FULL;
INSERT INTO entire VALUES (1, 'a'), (2, 'b');
CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL UNIQUE, v int);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
INSERT INTO by_index VALUES (1, 'a', 1), (2, 'b', 2);
CREATE TABLE unnamed (id int PRIMARY KEY); ALTER TABLE unnamed REPLICA IDENTITY NOTHING;
INSERT INTO unnamed VALUES (1);
CREATE TABLE keyless (v int); INSERT INTO keyless VALUES (1);
CREATE TABLE logs (v int, id int NOT NULL, day date NOT NULL, UNIQUE (id, day)); ALTER TABLE logs REPLICA IDENTITY FULL;
INSERT INTO logs VALUES (1, 1, '2020-01-01'), (2, 1, '2020-01-02');
CREATE TABLE toasted (id int PRIMARY KEY, n int, big text, other text);
ALTER TABLE toasted ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT n, n, repeat(md5(n::text), 300), repeat('o', 5000) FROM generate_series(1, 4) n;
CREATE TABLE toasted_entire (LIKE toasted INCLUDING ALL); ALTER TABLE toasted_entire REPLICA IDENTITY FULL;
INSERT INTO toasted_entire SELECT * FROM toasted;
${parted('parted')} ${parted('cleared')} ${parted('detached')} ${parted('attached')} ${parted('shortened')}
CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent VALUES (1, 'parent'); INSERT INTO child VALUES (2, 'child', 5);
CREATE TABLE swapped (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text); ALTER TABLE swapped REPLICA IDENTITY FULL;
INSERT INTO swapped VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE TABLE audit_log (id int PRIMARY KEY); INSERT INTO audit_log VALUES (1);
CREATE TABLE users (id int PRIMARY KEY, password_hash text, name text); INSERT INTO users VALUES (1, 'secret', 'n');
CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO computed VALUES (1, 21);
CREATE TABLE secured (id int PRIMARY KEY, owner text); ALTER TABLE secured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secured USING (owner = current_user); INSERT INTO secured VALUES (1, 'somebody');
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY); INSERT INTO fleeting VALUES (1);
CREATE SCHEMA ${quoted(odd.schema)};
CREATE TABLE ${oddTable} (${quoted(odd.column)} text PRIMARY KEY, "Ünïcode 🙂" text);
INSERT INTO ${oddTable} VALUES ('Grüße/🙂 "%"', 'x'), ('a b', NULL);
`;

const config = {
  tables: { include: ['public.*', `${odd.schema}.*`], exclude: ['*.audit_*'] },
  columns: { exclude: ['public.users.password_hash'] },
  keys: { columns: { 'public.logs': ['day', 'id'] } },
};

const logs = { table: 'logs', key: ['day', 'id'] };
const byIndex = { table: 'by_index', key: ['code'] };
const users = { table: 'users', columns: 't.id, t.name' };
const computed = { table: 'computed', columns: 't.id, t.a' };
const oddRows = { table: `${odd.schema}.${odd.table}` };

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  let sync: TestSync;
  beforeAll(async () => {
    sync = await startSync({ server: postgres(major), setup, config });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  /** Runs SQL, and compares a table in the end. */
  const change = async (sql: string, table: Parameters<TestSync['agrees']>[0]) => {
    await sync.sql(sql);
    await sync.agrees(table);
  };

  test('the dump holds every row of every table, and nothing else', async () => {
    const plain = ['plain', 'emptied', 'refilled', 'composite', 'entire', 'toasted', 'parted'];
    const more = ['toasted_entire', 'parent', 'child', 'swapped', 'secured'];
    const others = [logs, byIndex, users, computed, oddRows];
    for (const table of [...plain, ...more, ...others]) await sync.agrees(table);
    for (const table of ['keyless', 'unnamed', 'audit_log', 'fleeting', 'parted_1']) {
      expect((await sync.keys(table)).size, table).toBe(0);
    }
    const status = await sync.status();
    const rows = 3 + 25_000 + 25_000 + 4 + 2 + 2 + 2 + 4 + 4 + 5 * 9 + 1 + 1 + 3 + 1 + 1 + 1 + 2;
    expect(status).toMatchObject({
      counters: { puts: rows },
      dump: { state: 'done', percent: 100 },
    });
    const excluded = status.dump.tables.filter(({ state }) => state === 'excluded');
    expect(excluded.map(({ table }) => table).sort()).toEqual([
      'public.fleeting',
      'public.keyless',
      'public.unnamed',
    ]);
  });

  test('tables that cannot be replicated are warned of, with what to do', async () => {
    const { warnings } = await sync.status();
    const of = (table: string) => warnings.find((warning) => warning.table === table);
    expect(of('public.keyless')).toMatchObject({ code: 'no_key' });
    expect(of('public.keyless')?.remedy).toMatch(
      /ALTER TABLE "?public"?\."?keyless"? .*PRIMARY KEY/,
    );
    expect(of('public.unnamed')).toMatchObject({ code: 'no_replica_identity' });
    expect(of('public.unnamed')?.remedy).toMatch(/REPLICA IDENTITY DEFAULT/);
    expect(of('public.fleeting')).toMatchObject({ code: 'table_unsupported' });
    expect(of('public.fleeting')?.remedy).toMatch(/SET LOGGED/);
    expect(warnings).toHaveLength(3);
    // The application may still do what it likes with them.
    await sync.sql('UPDATE unnamed SET id = 2; DELETE FROM keyless; DELETE FROM unnamed');
  });

  test('insert, update and delete', async () => {
    await change(
      `INSERT INTO plain VALUES (4, 'four', 0.5); UPDATE plain SET name = 'two', price = 'NaN' WHERE id = 2; DELETE FROM plain WHERE id = 1`,
      'plain',
    );
    await change(
      `INSERT INTO entire VALUES (3, 'c'); UPDATE entire SET v = NULL WHERE id = 1; DELETE FROM entire WHERE id = 2`,
      'entire',
    );
  });

  test('a transaction is one revision of etcd, and one that is rolled back none', async () => {
    await sync.caughtUp();
    await using watch = await sync.prefix.gateway.watchPrefix(sync.prefix.rows);
    await sync.sql(`BEGIN; INSERT INTO plain VALUES (50, 'lost'); ROLLBACK`);
    await sync.sql(
      `BEGIN; INSERT INTO plain SELECT n, 'many' FROM generate_series(100, 149) n; UPDATE entire SET v = 'same transaction' WHERE id = 3;
       SAVEPOINT s; INSERT INTO plain VALUES (51, 'undone'); ROLLBACK TO s; INSERT INTO plain VALUES (52, 'kept'); DELETE FROM plain WHERE id = 52; COMMIT`,
    );
    await sync.agrees('plain');
    await sync.agrees('entire');
    await expect.poll(() => watch.events.length, { timeout: 10_000 }).toBeGreaterThan(50);
    expect(new Set(watch.events.map(({ modRevision }) => modRevision)).size).toBe(1);
    const put = watch.events.filter(({ type }) => type === 'put').length;
    expect(put).toBe(51);
  });

  test('a change of key deletes the old key and puts the new one, in one revision', async () => {
    await sync.caughtUp();
    const base = `${sync.prefix.rows}public/plain/`;
    await using watch = await sync.prefix.gateway.watchPrefix(base);
    await change('UPDATE plain SET id = 40 WHERE id = 4', 'plain');
    // The watch is another stream than what is read back.
    await expect.poll(() => watch.events.length, { timeout: 10_000 }).toBeGreaterThan(1);
    const seen = watch.events.map(({ type, key }) => `${type} ${key.slice(base.length)}`);
    expect(seen.sort()).toEqual(['delete 4', 'put 40']);
    expect(new Set(watch.events.map(({ modRevision }) => modRevision)).size).toBe(1);
  });

  test('composite keys', async () => {
    await change(
      `UPDATE composite SET a = 'z', v = 9 WHERE a = 'x/y'; DELETE FROM composite WHERE a = ''; INSERT INTO composite VALUES ('//%', 1, -1)`,
      'composite',
    );
  });

  test('REPLICA IDENTITY USING INDEX: its columns are the key', async () => {
    await change(
      `UPDATE by_index SET code = 'c' WHERE id = 1; UPDATE by_index SET id = 20, v = 5 WHERE code = 'b'; INSERT INTO by_index VALUES (7, 'd/e', 1); DELETE FROM by_index WHERE code = 'c'`,
      byIndex,
    );
  });

  test('keys.columns', async () => {
    await change(
      `INSERT INTO logs VALUES (3, 2, '2021-05-05'); UPDATE logs SET v = 10 WHERE day = '2020-01-01'; UPDATE logs SET day = '2022-02-02' WHERE day = '2020-01-02'; DELETE FROM logs WHERE id = 2`,
      logs,
    );
  });

  test.each(['toasted', 'toasted_entire'])(
    'unchanged TOAST keeps its value (%s)',
    async (table) => {
      await change(`UPDATE ${table} SET n = n + 100 WHERE id = 1`, table);
      await change(`UPDATE ${table} SET n = 5, other = 'short' WHERE id = 2`, table);
      await change(`UPDATE ${table} SET id = 30 WHERE id = 3`, table);
      await change(
        `BEGIN; INSERT INTO ${table} VALUES (10, 1, repeat('new', 4000), 'o'); UPDATE ${table} SET n = 2 WHERE id = 10; UPDATE ${table} SET id = 11 WHERE id = 10;
       UPDATE ${table} SET n = 3 WHERE id = 11; COMMIT`,
        table,
      );
      await change(
        `BEGIN; UPDATE ${table} SET big = repeat('w', 9000) WHERE id = 4; UPDATE ${table} SET id = 5 WHERE id = 4; UPDATE ${table} SET id = 4 WHERE id = 5; UPDATE ${table} SET n = -1 WHERE id = 4; COMMIT`,
        table,
      );
      await change(`UPDATE ${table} SET id = id + 1000, n = 0`, table);
    },
  );

  test('TRUNCATE, of a small and of a large table', async () => {
    await change('TRUNCATE emptied', 'emptied');
    await change(`INSERT INTO emptied VALUES (1, 'again')`, 'emptied');
  });

  test('TRUNCATE with rows before and after it in the same transaction, of two tables at once', async () => {
    await change(
      `BEGIN; INSERT INTO refilled VALUES (-1, 'gone'); TRUNCATE refilled, emptied; INSERT INTO refilled SELECT n, 'after' FROM generate_series(5, 8) n;
       UPDATE refilled SET text = 'changed' WHERE id = 6; DELETE FROM refilled WHERE id = 7; COMMIT`,
      'refilled',
    );
    await sync.agrees('emptied');
  });

  test('a deferrable key: rows swap keys within a transaction', async () => {
    await change(
      "BEGIN; UPDATE swapped SET id = 2 WHERE v = 'a'; UPDATE swapped SET id = 1 WHERE v = 'b'; COMMIT",
      'swapped',
    );
    await change(
      'UPDATE swapped SET id = CASE id WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 1 END',
      'swapped',
    );
    await change(
      `BEGIN; UPDATE swapped SET id = 2 WHERE v = 'a'; DELETE FROM swapped WHERE v = 'b'; UPDATE swapped SET id = id + 10; COMMIT`,
      'swapped',
    );
  });

  test('partitions arrive under the name of their root, rows that move included', async () => {
    await change(
      `INSERT INTO parted VALUES (20, 1, 'new'); UPDATE parted SET part = 2 WHERE id = 20; UPDATE parted_3 SET v = 'direct'; DELETE FROM parted WHERE id = 1`,
      'parted',
    );
    expect((await sync.keys('parted_3')).size).toBe(0);
  });

  test('inheritance children are tables of their own', async () => {
    await change(
      `UPDATE parent SET v = 'both'; INSERT INTO child VALUES (3, 'c', 6); DELETE FROM ONLY parent`,
      'parent',
    );
    await sync.agrees('child');
  });

  test('names with capitals, spaces, quotes, slashes, percent signs and more than ASCII', async () => {
    await change(
      `INSERT INTO ${oddTable} VALUES ('new / %2F', 'v'); UPDATE ${oddTable} SET ${quoted(odd.column)} = 'Ärger' WHERE ${quoted(odd.column)} = 'a b'`,
      oddRows,
    );
  });

  test('excluded tables and columns never arrive', async () => {
    await change(
      `INSERT INTO audit_log VALUES (2); INSERT INTO users VALUES (2, 'hidden', 'm'); UPDATE users SET password_hash = 'changed' WHERE id = 1`,
      users,
    );
    const all = await sync.prefix.gateway.values(sync.prefix.rows);
    const texts = [...all].map(([key, value]) => key + value).join();
    expect(texts).not.toMatch(/secret|hidden|password_hash|audit/);
  });

  test('generated columns that the log does not carry are left out', async () => {
    await change(
      'INSERT INTO computed VALUES (2, 5); UPDATE computed SET a = 6 WHERE id = 1',
      computed,
    );
  });

  test('row security hides nothing', async () => {
    await change(
      `INSERT INTO secured VALUES (2, 'nobody'); UPDATE secured SET owner = 'x' WHERE id = 1`,
      'secured',
    );
  });

  test('partitions that are truncated, detached, attached and dropped', async () => {
    await sync.sql('TRUNCATE cleared_1');
    await sync.sql('ALTER TABLE detached DETACH PARTITION detached_2');
    await sync.sql(
      `CREATE TABLE late (id int NOT NULL, part int NOT NULL, v text, PRIMARY KEY (id, part)); INSERT INTO late VALUES (70, 4, 'late');
       ALTER TABLE attached ATTACH PARTITION late FOR VALUES IN (4); INSERT INTO attached VALUES (71, 4, 'later')`,
    );
    await sync.sql('DROP TABLE shortened_3');
    // What was detached is a table that matches.
    const tables = ['cleared', 'detached', 'detached_2', 'attached', 'shortened'];
    for (const table of tables) await sync.agrees(table);
    for (const table of tables) await change(`UPDATE ${table} SET v = 'end'`, table);
    expect((await sync.keys('late')).size).toBe(0);
  });

  test('after all that, nothing is held back and nothing failed', async () => {
    await sync.caughtUp();
    const { last_error, state, dump } = await sync.status();
    expect({ last_error, state, dump: dump.state }).toEqual({
      last_error: null,
      state: 'streaming',
      dump: 'done',
    });
    const faults = sync.watcher.log.filter(({ level }) => level === 'error' || level === 'fatal');
    expect(faults).toEqual([]);
  });
});
