/** Dump, stream and redump lose nothing and repeat nothing, while others write. */
import { expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { driverOptions, parsed, Replica, sourceRows } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';

/** Writers that overlap each other and whatever reads, until they are told to stop. */
function startWriters(database: TestDatabase, count: number) {
  let running = true;
  let transactions = 0;
  const write = async (writer: number) => {
    const client = await database.connect();
    for (let round = 0; running; round++) {
      const id = writer * 1_000_000 + round;
      await client.query('BEGIN');
      await client.query('INSERT INTO items VALUES ($1, $2)', [id, `w${writer}`]);
      await client.query('UPDATE items SET v = v || $2 WHERE id = $1', [id - 3, `+${round}`]);
      await client.query('UPDATE items SET id = id + 500000 WHERE id = $1', [id - 5]);
      await client.query('DELETE FROM items WHERE id = $1', [id - 7]);
      await client.query(round % 5 === 4 ? 'ROLLBACK' : 'COMMIT');
      transactions += 1;
    }
  };
  const done = Promise.all(Array.from({ length: count }, (_, writer) => write(writer + 1)));
  return {
    get transactions() {
      return transactions;
    },
    async stop() {
      running = false;
      await done;
    },
  };
}

test.each(postgresMajors)(
  'dump, stream and redumps among writers on PostgreSQL %i',
  async (major) => {
    await using database = await createDatabase(postgres(major));
    await database.query('CREATE TABLE items (id int PRIMARY KEY, v text)');
    await database.query("INSERT INTO items SELECT -i, 'old' FROM generate_series(1, 20000) i");
    const writers = startWriters(database, 4);
    await using replica = new Replica(driverOptions(database));
    await replica.start();
    const [row] = await database.query<{ oid: string }>(
      "SELECT 'items'::regclass::oid::text AS oid",
    );
    for (let again = 0; again < 3; again++) await replica.redumpSoon(row!.oid);
    await writers.stop();
    await replica.caughtUp(database);
    expect(replica.violations).toEqual([]);
    expect(parsed(replica.rows('public.items'))).toEqual(await sourceRows(database, 'items', 'id'));
    expect(writers.transactions).toBeGreaterThan(50);
  },
);

test('a transaction that is in the snapshot but not yet read is dropped, one that overlaps it follows', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE items (id int PRIMARY KEY, v text)');
  await using replica = new Replica(driverOptions(database, { pollIntervalMs: 60_000 }));
  await replica.start();
  const overlapping = await database.connect();
  await overlapping.query('BEGIN');
  await overlapping.query("INSERT INTO items VALUES (1, 'overlaps')");
  const [row] = await database.query<{ oid: string }>("SELECT 'items'::regclass::oid::text AS oid");
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  replica.gate = () => opened;
  await database.query("INSERT INTO items VALUES (2, 'before')");
  await replica.redump([row!.oid]);
  await overlapping.query('COMMIT');
  open();
  await replica.caughtUp(database);
  expect(replica.violations).toEqual([]);
  expect([...replica.rows('public.items').keys()].sort()).toEqual(['1', '2']);
});

test('what was confirmed is not sent again, what was not is sent again and skipped', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE items (id int PRIMARY KEY, v text)');
  const options = driverOptions(database);
  await using first = new Replica(options);
  await first.start();
  await database.query("INSERT INTO items SELECT i, 'a' FROM generate_series(1, 100) i");
  await first.caughtUp(database);
  const from = { ...first.resume!, position: first.position! };
  await first[Symbol.asyncDispose]();
  await database.query("INSERT INTO items SELECT i, 'b' FROM generate_series(101, 150) i");

  await using second = new Replica(options);
  const { continuity } = await second.prepare(from);
  expect(continuity).toEqual({ kind: 'resume' });
  second.follow(from);
  await second.caughtUp(database);
  expect(second.violations).toEqual([]);
  expect(second.rows('public.items').size).toBe(50);
});
