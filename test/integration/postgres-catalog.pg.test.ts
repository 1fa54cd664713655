/** What DDL does to a sync in mid-stream, and which tables and columns belong to it. */
import { expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { driverOptions, parsed, Replica, sourceRows } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';
import { until } from '../support/until.ts';

async function statements(database: TestDatabase, ...list: string[]): Promise<void> {
  for (const statement of list) await database.query(statement);
}

async function expectSame(replica: Replica, database: TestDatabase, table: string, key = 'id') {
  const wanted = JSON.stringify([...(await sourceRows(database, table, key))].sort());
  await until(
    () => JSON.stringify([...parsed(replica.rows(`public.${table}`))].sort()) === wanted,
    { what: `${table} is as on the source, ${wanted}`, failure: replica.ended },
  ).catch((error) => {
    expect([...parsed(replica.rows(`public.${table}`))].sort()).toEqual(JSON.parse(wanted));
    throw error;
  });
  expect(replica.violations).toEqual([]);
}

const alterations: readonly (readonly [string, readonly string[]])[] = [
  ['ADD COLUMN with a default', ['ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 7']],
  ['ALTER TYPE USING', ['ALTER TABLE t ALTER COLUMN n TYPE text USING (n * 2)::text']],
  ['RENAME COLUMN', ['ALTER TABLE t RENAME COLUMN n TO m']],
  [
    'RENAME of the key column',
    ['ALTER TABLE t RENAME COLUMN id TO key; ALTER TABLE t RENAME COLUMN key TO id'],
  ],
  ['DROP COLUMN', ['ALTER TABLE t DROP COLUMN n']],
  ['DROP COLUMN of a type that goes too', ['ALTER TABLE t DROP COLUMN mood', 'DROP TYPE mood']],
  ['RENAME of an enum value', ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"]],
  ['ADD ATTRIBUTE to a composite', ['ALTER TYPE pair ADD ATTRIBUTE z int']],
  [
    'change of the key',
    ['ALTER TABLE t DROP CONSTRAINT t_pkey', 'ALTER TABLE t ADD PRIMARY KEY (id, n)'],
  ],
  ['TRUNCATE', ['TRUNCATE t', 'INSERT INTO t VALUES (9, 9)']],
  ['a new replica identity', ['ALTER TABLE t REPLICA IDENTITY FULL']],
];

test.each(alterations)('%s', async (_, ddl) => {
  await using database = await createDatabase(postgres(15));
  await statements(
    database,
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    'CREATE TYPE pair AS (x int, y text)',
    "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, p pair DEFAULT (1, 'a'), mood mood DEFAULT 'sad')",
    'INSERT INTO t SELECT i, i FROM generate_series(1, 5) i',
  );
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  await database.query('INSERT INTO t VALUES (6, 6)');
  await statements(database, ...ddl);
  await database.query('UPDATE t SET id = id + 100 WHERE id = 1');
  await database.query('DELETE FROM t WHERE id = 2');
  const key = ddl[1]?.includes('(id, n)') ? "id || '/' || n" : 'id';
  await expectSame(replica, database, 't', key);
});

test.each(postgresMajors)('tables come and go on PostgreSQL %i', async (major) => {
  await using database = await createDatabase(postgres(major));
  await statements(database, 'CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)');
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  await statements(
    database,
    'CREATE TABLE later (id int PRIMARY KEY, v text)',
    "INSERT INTO later VALUES (1, 'x')",
  );
  await expectSame(replica, database, 'later');
  await database.query("INSERT INTO later VALUES (2, 'y')");
  await expectSame(replica, database, 'later');
  await statements(
    database,
    'ALTER TABLE later RENAME TO renamed',
    "INSERT INTO renamed VALUES (3, 'z')",
  );
  await expectSame(replica, database, 'renamed');
  await database.query('DROP TABLE renamed');
  await until(() => !replica.has('public.renamed'), {
    what: 'it is dropped',
    failure: replica.ended,
  });
  await statements(
    database,
    'DROP TABLE t',
    'CREATE TABLE t (id text PRIMARY KEY)',
    "INSERT INTO t VALUES ('new')",
  );
  await expectSame(replica, database, 't');
});

test('a table that loses its key is left out with a warning, and its writers are not harmed', async () => {
  await using database = await createDatabase(postgres(15));
  await statements(
    database,
    'CREATE TABLE t (id int PRIMARY KEY)',
    'CREATE TABLE u (id int PRIMARY KEY)',
  );
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  await database.query('ALTER TABLE t DROP CONSTRAINT t_pkey');
  await until(() => !replica.has('public.t'), { what: 'it is left out', failure: replica.ended });
  expect(replica.warnings).toEqual([
    {
      code: 'no_key',
      table: 'public.t',
      message: expect.stringContaining('has no primary key'),
      remedy: expect.stringContaining('ALTER TABLE "public"."t" ADD PRIMARY KEY'),
    },
  ]);
  await statements(
    database,
    'INSERT INTO t VALUES (1)',
    'UPDATE t SET id = 2',
    'INSERT INTO u VALUES (1)',
  );
  await expectSame(replica, database, 'u');
});

test.each(postgresMajors)('partitions are rows of their root on PostgreSQL %i', async (major) => {
  await using database = await createDatabase(postgres(major));
  await statements(
    database,
    'CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)',
    'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)',
    'CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200)',
    "INSERT INTO p SELECT i, 'v' FROM generate_series(1, 150) i",
  );
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  expect(replica.has('public.p1')).toBe(false);
  await statements(
    database,
    'UPDATE p SET id = 160 WHERE id = 5',
    "INSERT INTO p1 VALUES (0, 'direct')",
  );
  await expectSame(replica, database, 'p');
  await database.query('ALTER TABLE p DETACH PARTITION p2');
  await expectSame(replica, database, 'p');
  await expectSame(replica, database, 'p2');
  await database.query('ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200)');
  await expectSame(replica, database, 'p');
  expect(replica.has('public.p2')).toBe(false);
  await database.query('TRUNCATE p1');
  await expectSame(replica, database, 'p');
  await database.query('DROP TABLE p2');
  await expectSame(replica, database, 'p');
});

test('inheritance children are tables of their own', async () => {
  await using database = await createDatabase(postgres(15));
  await statements(
    database,
    'CREATE TABLE parent (id int PRIMARY KEY)',
    'CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)',
    'INSERT INTO parent VALUES (1)',
    'INSERT INTO child VALUES (2)',
  );
  await using replica = new Replica(driverOptions(database));
  await replica.start();
  await database.query('INSERT INTO child VALUES (3)');
  await replica.caughtUp(database);
  expect([...replica.rows('public.parent').keys()]).toEqual(['1']);
  expect([...replica.rows('public.child').keys()]).toEqual(['2', '3']);
});

test.each(postgresMajors)(
  'keys, identities, names, TOAST and generated columns on PostgreSQL %i',
  async (major) => {
    await using database = await createDatabase(postgres(major));
    await statements(
      database,
      'CREATE TABLE "Wei rd ""Näme" ("Key ""ä" int PRIMARY KEY, "tab\t" text)',
      'INSERT INTO "Wei rd ""Näme" VALUES (1, \'\\t\')',
      'CREATE TABLE by_index (id int NOT NULL, v text)',
      'CREATE UNIQUE INDEX by_index_id ON by_index (id)',
      'ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id',
      'CREATE TABLE configured (a int NOT NULL, b text NOT NULL, v int, UNIQUE (b, a))',
      'ALTER TABLE configured REPLICA IDENTITY FULL',
      'CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, v text)',
      'ALTER TABLE swap REPLICA IDENTITY FULL',
      "INSERT INTO swap VALUES (1, 'a'), (2, 'b')",
      'CREATE TABLE toast (id int PRIMARY KEY, n int, big text)',
      'ALTER TABLE toast ALTER big SET STORAGE EXTERNAL',
      "INSERT INTO toast VALUES (1, 0, repeat('x', 10000))",
      'CREATE TABLE gen (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)',
      'INSERT INTO gen VALUES (1)',
    );
    const keyColumns = { 'public.configured': ['a', 'b'] };
    await using replica = new Replica(driverOptions(database, { keyColumns }));
    await replica.start();
    await statements(
      database,
      'UPDATE "Wei rd ""Näme" SET "Key ""ä" = 2',
      "INSERT INTO by_index VALUES (1, 'x'); UPDATE by_index SET id = 2; INSERT INTO by_index VALUES (1, 'y')",
      "INSERT INTO configured VALUES (1, 'x', 1), (2, 'x', 1); UPDATE configured SET b = 'z' WHERE a = 1; DELETE FROM configured WHERE a = 2",
      'BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE swap SET id = 3 - id; COMMIT',
      'UPDATE toast SET n = 1',
      'UPDATE toast SET id = 2',
      'INSERT INTO gen VALUES (2)',
    );
    await replica.caughtUp(database);
    const weird = [...parsed(replica.rows('public.Wei rd "Näme')).entries()];
    expect(weird).toEqual([['2', { 'Key "ä': 2, 'tab\t': '\\t' }]]);
    await expectSame(replica, database, 'by_index');
    await expectSame(replica, database, 'configured', "a || '/' || b");
    await expectSame(replica, database, 'swap');
    await expectSame(replica, database, 'toast');
    expect(parsed(replica.rows('public.gen'))).toEqual(
      new Map([
        ['1', { id: 1 }],
        ['2', { id: 2 }],
      ]),
    );
  },
);

test.each([
  ['a composite type got an attribute', 'ALTER TYPE pair ADD ATTRIBUTE z int'],
  ['a column and its type are gone', 'ALTER TABLE t DROP COLUMN p; DROP TYPE pair'],
])('rows from before the catalog changed while nothing was read: %s', async (_, ddl) => {
  await using database = await createDatabase(postgres(15));
  await statements(
    database,
    'CREATE TYPE pair AS (x int, y text)',
    "CREATE TABLE t (id int PRIMARY KEY, p pair DEFAULT (1, 'a'))",
  );
  const options = driverOptions(database);
  const first = new Replica(options);
  await first.start();
  await first[Symbol.asyncDispose]();
  await statements(database, 'INSERT INTO t VALUES (1), (2)', ddl, 'INSERT INTO t VALUES (3)');
  await using second = new Replica(options);
  const { tables } = await second.prepare(first.resume);
  expect(tables[0]?.fingerprint).not.toBe(first.preparation?.tables[0]?.fingerprint);
  second.follow(first.resume!);
  await until(() => second.catalogEvents.includes('redump public.t'), {
    what: 'the table is dumped anew',
    failure: second.ended,
  });
  await second.caughtUp(database);
  await expectSame(second, database, 't');
});

test('with many partitions the log is not held up, and a table that joins under FOR ALL TABLES is whole', async () => {
  await using database = await createDatabase(postgres(15));
  const options = driverOptions(database);
  await statements(
    database,
    'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY HASH (id)',
    ...Array.from(
      { length: 50 },
      (_, part) =>
        `CREATE TABLE p${part} PARTITION OF p FOR VALUES WITH (MODULUS 50, REMAINDER ${part})`,
    ),
    `CREATE PUBLICATION ${options.publication} FOR ALL TABLES WITH (publish_via_partition_root)`,
  );
  await using replica = new Replica(options);
  await replica.start();
  await database.query('INSERT INTO p SELECT generate_series(1, 1000)');
  await replica.caughtUp(database);
  await expectSame(replica, database, 'p');
  await database.query(
    'BEGIN; INSERT INTO p VALUES (2000); CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1); COMMIT',
  );
  await database.query('UPDATE late SET id = 2; INSERT INTO late VALUES (3)');
  await replica.caughtUp(database);
  await expectSame(replica, database, 'late');
});
