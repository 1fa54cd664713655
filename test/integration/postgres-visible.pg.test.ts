/** What a snapshot shows is not what the log has told: where the two differ, a dump must not go back, nor forward. */
import { expect, test } from 'vitest';
import type { RowChunk } from '../../src/replication/driver.ts';
import { startPostgres } from '../../tools/testenv/postgres.ts';
import { createDatabase } from '../support/database.ts';
import { driverOptions, parsed, Replica, sourceRows } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';
import { until } from '../support/until.ts';

test('a commit that waits for a standby is in the log before it is in a snapshot', async () => {
  await using server = await startPostgres({
    major: 15,
    settings: { synchronous_standby_names: 'nobody', synchronous_commit: 'local' },
  });
  await using admin = await createDatabase(server);
  await admin.query('CREATE TABLE items (id int PRIMARY KEY, v text)');
  await admin.query("INSERT INTO items VALUES (1, 'old')");
  const [row] = await admin.query<{ oid: string }>("SELECT 'items'::regclass::oid::text AS oid");
  await using replica = new Replica(driverOptions(admin));
  await replica.start();

  const waiting = await admin.connect();
  await waiting.query('SET synchronous_commit = on');
  const [{ pid }] = (await waiting.query('SELECT pg_backend_pid() AS pid')).rows as [
    { pid: number },
  ];
  const committed = waiting.query("UPDATE items SET v = 'new' WHERE id = 1");
  await until(() => replica.rows('public.items').get('1')?.includes('new'), {
    what: 'the log tells of the commit that waits',
    failure: replica.ended,
  });
  expect(await admin.query('SELECT v FROM items')).toEqual([{ v: 'old' }]);

  const redumped = replica.redumpSoon(row!.oid);
  // Something to read, so that the dump begins between two messages.
  await admin.query("INSERT INTO items VALUES (2, 'tick')");
  await until(
    async () => {
      const [{ active }] = (await admin.query(
        "SELECT count(*)::int AS active FROM pg_stat_activity WHERE application_name = 'watcher test' AND datname = current_database()",
      )) as [{ active: number }];
      return active > 2;
    },
    { what: 'the dump has begun', failure: replica.ended },
  );
  await admin.query('SELECT pg_cancel_backend($1)', [pid]);
  await committed;
  await redumped;
  await replica.caughtUp(admin);
  expect(parsed(replica.rows('public.items'))).toEqual(await sourceRows(admin, 'items', 'id'));
  expect(replica.violations).toEqual([]);
});

async function collect(chunks: AsyncIterable<RowChunk>): Promise<RowChunk[]> {
  const all: RowChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

test.each(postgresMajors)(
  'a table that was truncated after the snapshot is not taken for an empty one on PostgreSQL %i',
  async (major) => {
    await using database = await createDatabase(postgres(major));
    await database.query('CREATE TABLE items (id int PRIMARY KEY)');
    await database.query(
      'CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts DEFAULT',
    );
    await database.query('CREATE TABLE kept (id int PRIMARY KEY)');
    const fill =
      'INSERT INTO items VALUES (1); INSERT INTO parts VALUES (1); INSERT INTO kept VALUES (1)';
    await database.query(fill);
    await using replica = new Replica(driverOptions(database));
    await replica.prepare();
    const dump = await replica.driver.dump(replica.signal);
    await database.query('TRUNCATE items, part');
    const dumped = await collect(dump.chunks);
    const replaced = (chunks: RowChunk[]) =>
      chunks.filter((chunk) => chunk.replaced).map(({ relation }) => relation.table);
    expect(replaced(dumped).sort()).toEqual(['items', 'parts']);
    expect(dumped.flatMap(({ rows }) => rows)).toHaveLength(1);

    await database.query('DELETE FROM kept');
    await database.query(fill);
    const ids = dump.tables.map(({ relation }) => relation.tableId);
    const redump = await replica.driver.redump(ids, replica.signal);
    await database.query('TRUNCATE items');
    const again = await collect(redump.chunks);
    expect(replaced(again)).toEqual(['items']);
    expect(again.flatMap(({ rows }) => rows)).toHaveLength(2);
  },
);
