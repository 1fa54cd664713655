/** What a sync made at its server is dropped, and nothing else. */
import { expect, test } from 'vitest';
import { createPostgresDriver } from '../../src/drivers/postgres/driver.ts';
import { sourceParts } from '../../src/replication/driver.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { never } from '../support/etcd-batch.ts';
import { driverOptions, Replica } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';

const look = (database: TestDatabase) =>
  database.query(`
    SELECT 'slot' AS part, slot_name::text AS name FROM pg_replication_slots WHERE database = current_database()
    UNION ALL SELECT 'publication', pubname::text FROM pg_publication ORDER BY 1, 2`);

async function used(major: (typeof postgresMajors)[number], options = {}) {
  const database = await createDatabase(postgres(major));
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  const own = driverOptions(database, options);
  await using replica = new Replica(own);
  await replica.prepare();
  await replica.dump();
  return {
    database,
    own,
    async drop(parts = sourceParts as readonly (typeof sourceParts)[number][], dryRun = false) {
      const driver = createPostgresDriver(own);
      try {
        return await driver.drop(parts, dryRun, never);
      } finally {
        await driver.close();
      }
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

test.each(postgresMajors)('slot and publication go, once (PostgreSQL %i)', async (major) => {
  await using world = await used(major);
  const { database, own, drop } = world;
  const other = `other_${own.slot}`;
  await database.query('CREATE PUBLICATION other');
  await database.query(`SELECT pg_create_logical_replication_slot('${other}', 'pgoutput')`);
  const both = [
    { part: 'slot', name: own.slot, kept: null },
    { part: 'publication', name: own.publication, kept: null },
  ];
  expect(await drop(sourceParts, true)).toEqual(both);
  expect(await look(database)).toHaveLength(4);
  expect(await drop(['slot'])).toEqual(both.slice(0, 1));
  expect(await drop()).toEqual(both.slice(1));
  expect(await drop()).toEqual([]);
  expect(await look(database)).toEqual([
    { part: 'publication', name: 'other' },
    { part: 'slot', name: other },
  ]);
});

test('a slot that is read is not dropped, and the problem says by whom', async () => {
  await using world = await used(15);
  const { database, own, drop } = world;
  await using reader = new Replica(own);
  const { continuity } = await reader.prepare();
  expect(continuity.kind).toBe('dump');
  reader.follow(await reader.dump());
  await database.query('INSERT INTO t VALUES (1)');
  await reader.caughtUp(database);
  for (const dryRun of [true, false]) {
    await expect(drop(sourceParts, dryRun)).rejects.toMatchObject({
      code: 'slot_in_use',
      remedy: expect.stringMatching(/^SELECT pg_terminate_backend\(\d+\)/),
    });
  }
  expect(await look(database)).toHaveLength(2);
});

test.each([
  ['FOR ALL TABLES', 18, true, /FOR ALL TABLES/],
  ['FOR TABLES IN SCHEMA public', 18, true, /FOR TABLES IN SCHEMA/],
  ['FOR TABLE t', 15, false, /manage_publication/],
] as const)('a publication %s that is not ours stays', async (of, major, managed, reason) => {
  await using database = await createDatabase(postgres(major));
  const options = driverOptions(database, { managePublication: managed });
  await database.query(
    `CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION ${options.publication} ${of}`,
  );
  const driver = createPostgresDriver(options);
  expect(await driver.drop(sourceParts, false, never)).toEqual([
    { part: 'publication', name: options.publication, kept: expect.stringMatching(reason) },
  ]);
  await driver.close();
  expect(await look(database)).toHaveLength(1);
});

test('a slot of another plugin stays; a publication of another owner is refused before anything is dropped', async () => {
  await using world = await used(18);
  const { database, own } = world;
  const user = `other_${database.name}`;
  await database.query(`CREATE ROLE ${user} LOGIN REPLICATION PASSWORD 'x'`);
  try {
    const driver = createPostgresDriver({ ...own, user, password: 'x' });
    await expect(driver.drop(sourceParts, false, never)).rejects.toMatchObject({
      code: 'privilege_missing',
      remedy: expect.stringContaining(`ALTER PUBLICATION "${own.publication}" OWNER TO "${user}"`),
    });
    await driver.close();
    expect(await look(database)).toHaveLength(2);
  } finally {
    await database.query(`DROP ROLE ${user}`);
  }
  await database.query(`SELECT pg_drop_replication_slot('${own.slot}')`);
  await database.query(`SELECT pg_create_physical_replication_slot('${own.slot}')`);
  expect(await world.drop(['slot'])).toEqual([
    { part: 'slot', name: own.slot, kept: `The replication slot ${own.slot} is a physical one` },
  ]);
  await database.query(`SELECT pg_drop_replication_slot('${own.slot}')`);
});
