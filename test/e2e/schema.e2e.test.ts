/** ALTER TABLE and its kin, in mid-stream and while Watcher is stopped; the other tables go on (SPEC §2.4, §5, §6). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgres, postgresMajors } from '../support/servers.ts';
import { startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

/** A table of its own for each kind of change: one look at the catalog finds them all. */
interface Case {
  readonly what: string;
  readonly table: string;
  readonly create?: string;
  /** Without it, a change of a row before and one after are in the same script. */
  readonly sql: string;
  /** Tables that must agree afterwards; `table` without it. */
  readonly agree?: readonly Parameters<TestSync['agrees']>[0][];
  /** Tables that must have no key afterwards. */
  readonly gone?: readonly string[];
}

const rows = (table: string) =>
  `INSERT INTO ${table} SELECT n, 'v' || n, n * 10 FROM generate_series(1, 20) n;`;
const plain = (table: string) =>
  `CREATE TABLE ${table} (id int PRIMARY KEY, v text, n int); ${rows(table)}`;
const touch = (table: string) => `UPDATE ${table} SET v = v || '!' WHERE id < 5;`;

const cases: readonly Case[] = [
  {
    what: 'ADD COLUMN without a default',
    table: 'add_plain',
    sql: `${touch('add_plain')} ALTER TABLE add_plain ADD extra text; INSERT INTO add_plain VALUES (50, 'x', 1, 'new'); ${touch('add_plain')}`,
  },
  {
    what: 'ADD COLUMN with a constant default',
    table: 'add_default',
    sql: `ALTER TABLE add_default ADD extra text DEFAULT 'd'; INSERT INTO add_default VALUES (50, 'x', 1)`,
  },
  {
    what: 'ADD COLUMN with a volatile default, not touched afterwards',
    table: 'add_volatile',
    sql: `ALTER TABLE add_volatile ADD extra float8 DEFAULT random()`,
  },
  {
    what: 'DROP COLUMN',
    table: 'drop_column',
    sql: `${touch('drop_column')} ALTER TABLE drop_column DROP n; INSERT INTO drop_column VALUES (50, 'x')`,
  },
  {
    what: 'DROP COLUMN, not touched afterwards',
    table: 'drop_quiet',
    sql: 'ALTER TABLE drop_quiet DROP n',
  },
  {
    what: 'RENAME COLUMN',
    table: 'rename_column',
    sql: `${touch('rename_column')} ALTER TABLE rename_column RENAME n TO "Number"; ${touch('rename_column')}`,
  },
  {
    what: 'RENAME of a key column',
    table: 'rename_key',
    sql: 'ALTER TABLE rename_key RENAME id TO nr; UPDATE rename_key SET nr = nr + 100 WHERE nr < 5',
  },
  {
    what: 'ALTER TYPE USING',
    table: 'change_type',
    sql: `${touch('change_type')} ALTER TABLE change_type ALTER n TYPE text USING 'number ' || n; INSERT INTO change_type VALUES (50, 'x', 'y'); ${touch('change_type')}`,
  },
  {
    what: 'ALTER TYPE of a key column',
    table: 'change_key_type',
    sql: `ALTER TABLE change_key_type ALTER id TYPE text USING 'k' || id; INSERT INTO change_key_type VALUES ('new', 'x', 1)`,
  },
  {
    what: 'another primary key',
    table: 'change_key',
    sql: `ALTER TABLE change_key DROP CONSTRAINT change_key_pkey, ADD PRIMARY KEY (n, id); UPDATE change_key SET n = n + 1 WHERE id = 3; DELETE FROM change_key WHERE id = 4`,
  },
  {
    what: 'RENAME TABLE',
    table: 'old_name',
    sql: `${touch('old_name')} ALTER TABLE old_name RENAME TO new_name; ${touch('new_name')}`,
    agree: ['new_name'],
    gone: ['old_name'],
  },
  {
    what: 'two tables swap their names',
    table: 'swap_a',
    create: `${plain('swap_a')} ${plain('swap_b')} UPDATE swap_b SET v = 'b'; DELETE FROM swap_b WHERE id > 10;`,
    sql: `ALTER TABLE swap_a RENAME TO swap_t; ALTER TABLE swap_b RENAME TO swap_a; ALTER TABLE swap_t RENAME TO swap_b; ${touch('swap_a')} ${touch('swap_b')}`,
    agree: ['swap_a', 'swap_b'],
  },
  {
    what: 'SET SCHEMA',
    table: 'moved',
    sql: `ALTER TABLE moved SET SCHEMA other; UPDATE other.moved SET v = 'm'`,
    agree: ['other.moved'],
    gone: ['moved'],
  },
  {
    what: 'a table that is created later',
    table: 'created',
    create: ' ',
    sql: `${plain('created')} ${touch('created')} DELETE FROM created WHERE id = 9`,
  },
  {
    what: 'CREATE TABLE AS, then a key',
    table: 'created_as',
    create: ' ',
    sql: `CREATE TABLE created_as AS SELECT n AS id, 'x' AS v FROM generate_series(1, 5) n; ALTER TABLE created_as ADD PRIMARY KEY (id)`,
  },
  {
    what: 'DROP TABLE',
    table: 'dropped',
    sql: `${touch('dropped')} DROP TABLE dropped`,
    agree: [],
    gone: ['dropped'],
  },
  {
    what: 'DROP and CREATE under the same name',
    table: 'recreated',
    sql: `${touch('recreated')} DROP TABLE recreated; CREATE TABLE recreated (id int PRIMARY KEY, other text); INSERT INTO recreated VALUES (1, 'again'), (100, 'new')`,
  },
  {
    what: 'ALTER TYPE ADD VALUE of an enum',
    table: 'moody',
    create: `CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE moody (id int PRIMARY KEY, m mood, ms mood[]); INSERT INTO moody VALUES (1, 'sad', '{glad}');`,
    sql: `ALTER TYPE mood ADD VALUE 'so, "so"' BEFORE 'glad'; INSERT INTO moody VALUES (2, 'so, "so"', '{"so, \\"so\\"",sad}')`,
  },
  {
    what: 'ALTER TYPE RENAME VALUE of an enum',
    table: 'relabelled',
    create: `CREATE TYPE colour AS ENUM ('rad', 'green'); CREATE TABLE relabelled (id int PRIMARY KEY, c colour); INSERT INTO relabelled VALUES (1, 'rad'), (2, 'green');`,
    sql: `ALTER TYPE colour RENAME VALUE 'rad' TO 'red'`,
  },
  {
    what: 'ALTER TYPE ADD ATTRIBUTE of a composite',
    table: 'composed',
    create: `CREATE TYPE pair AS (a int, b text); CREATE TABLE composed (id int PRIMARY KEY, p pair, ps pair[]); INSERT INTO composed VALUES (1, '(1,x)', '{"(2,y)"}');`,
    sql: `UPDATE composed SET p = '(3,z)'; ALTER TYPE pair ADD ATTRIBUTE c int; INSERT INTO composed VALUES (2, '(1,x,5)', '{"(2,y,6)"}'); UPDATE composed SET p = '(4,z,4)' WHERE id = 1`,
  },
  {
    what: 'ALTER TYPE RENAME ATTRIBUTE of a composite',
    table: 'recomposed',
    create: `CREATE TYPE couple AS (a int, b text); CREATE TABLE recomposed (id int PRIMARY KEY, p couple); INSERT INTO recomposed VALUES (1, '(1,x)');`,
    sql: 'ALTER TYPE couple RENAME ATTRIBUTE a TO first',
  },
  {
    what: 'the key is dropped: reported, and the rest goes on',
    table: 'keyless',
    sql: 'ALTER TABLE keyless DROP CONSTRAINT keyless_pkey',
    agree: [],
    gone: ['keyless'],
  },
  {
    what: 'REPLICA IDENTITY',
    table: 'identified',
    create: `CREATE TABLE identified (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text); INSERT INTO identified VALUES (1, 'a', 'x'), (2, 'b', 'y');`,
    sql: `ALTER TABLE identified REPLICA IDENTITY USING INDEX identified_code_key; UPDATE identified SET v = 'z' WHERE id = 1; DELETE FROM identified WHERE id = 2`,
    agree: [{ table: 'identified', key: ['code'] }],
  },
  {
    what: 'several changes and rows in one transaction',
    table: 'at_once',
    sql: `BEGIN; ${touch('at_once')} ALTER TABLE at_once ADD extra int DEFAULT 7; INSERT INTO at_once VALUES (60, 'x', 1, 2); ALTER TABLE at_once RENAME n TO m; UPDATE at_once SET m = 0 WHERE id = 60; ALTER TABLE at_once DROP v; DELETE FROM at_once WHERE id = 1; COMMIT`,
  },
  {
    what: 'DDL that is rolled back',
    table: 'undone',
    sql: `BEGIN; ALTER TABLE undone ADD extra int DEFAULT 7; UPDATE undone SET extra = 1; ROLLBACK; ${touch('undone')}`,
  },
  {
    what: 'VACUUM FULL and CLUSTER: the rows stay what they are',
    table: 'rewritten',
    sql: 'CLUSTER rewritten USING rewritten_pkey',
  },
];

const setup = `CREATE SCHEMA other; ${plain('steady')} ${cases.map(({ table, create }) => create ?? plain(table)).join('\n')}`;
const config = { tables: { include: ['public.*', 'other.*'] } };

const tables = (of: Case) => of.agree ?? [of.table];

async function outcome(sync: TestSync, of: Case): Promise<void> {
  for (const table of tables(of)) await sync.agrees(table);
  for (const table of of.gone ?? []) {
    await until(async () => (await sync.keys(table)).size === 0, { what: `${table} has no keys` });
  }
  const { state, last_error } = await sync.status();
  expect({ state, last_error }).toEqual({ state: 'streaming', last_error: null });
}

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  describe.each(['in mid-stream', 'while Watcher is stopped'])('%s', (when) => {
    let sync: TestSync;
    beforeAll(async () => {
      sync = await startSync({ server: postgres(major), setup, config });
      await sync.caughtUp();
      if (when !== 'in mid-stream') await sync.watcher.stop();
      for (const { sql } of cases) for (const part of statements(sql)) await sync.sql(part);
      await sync.sql(`UPDATE steady SET v = 'steady'`);
      if (when !== 'in mid-stream') await sync.restart();
    });
    afterAll(async () => {
      await sync?.[Symbol.asyncDispose]();
    });

    test('the other tables go on meanwhile', async () => {
      await sync.agrees('steady');
    });

    test.each(cases)('$what', async (of) => {
      await outcome(sync, of);
    });

    test('afterwards every table is followed, and what is left out is said', async () => {
      await sync.caughtUp();
      for (const of of cases) {
        for (const table of tables(of)) {
          const name = typeof table === 'string' ? table : table.table;
          await sync.sql(`DELETE FROM ${name} WHERE ctid = (SELECT min(ctid) FROM ${name})`);
          await sync.agrees(table);
        }
      }
      const { warnings } = await sync.status();
      const said = warnings.map(({ code, table }) => `${table}: ${code}`).sort();
      expect(said).toEqual(['public.keyless: no_key']);
    });
  });
});

test('what puts nothing into the log is found by looking at the catalog from time to time', async () => {
  await using sync = await startSync({ setup: plain('quiet') });
  await sync.caughtUp();
  await sync.sql(`ALTER TABLE quiet ADD extra text DEFAULT 'd'`);
  await sync.agrees('quiet');
  await sync.sql('DROP TABLE quiet');
  // A look every 10 s, of which a loaded machine may miss one.
  const timeoutMs = 45_000;
  const gone = async () => (await sync.keys('quiet')).size === 0;
  await until(gone, { what: 'its keys are gone', timeoutMs, failure: sync.watcher.failure });
  await sync.sql(`${plain('later')}`);
  await sync.agrees('later', timeoutMs);
}, 120_000);

/** Those of a transaction together, others apart: a script in one message would be one transaction. */
function statements(sql: string): string[] {
  if (sql.startsWith('BEGIN')) return [sql];
  return sql.split('; ').filter((part) => part.trim() !== '');
}
