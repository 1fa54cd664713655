/** Between the look at the slot and the stream that holds it, another reader may take the slot further. */
import { expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { driverOptions, Replica } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';

test.each(postgresMajors)(
  'a slot that moves after it was looked at (PostgreSQL %i)',
  async (major) => {
    await using database = await createDatabase(postgres(major));
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const options = driverOptions(database);
    await using replica = new Replica(options);
    await replica.prepare();
    const from = await replica.dump();
    await database.query('INSERT INTO t VALUES (1)');
    await database.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [
      options.slot,
    ]);
    replica.follow(from);
    await expect(replica.ended).rejects.toMatchObject({ code: 'slot_ahead' });

    // The stream that gave up has not set the slot back: whoever comes next sees the gap too.
    await using next = new Replica(options);
    const { continuity } = await next.prepare(from);
    expect(continuity).toMatchObject({ kind: 'dump', cause: { code: 'slot_ahead' } });
  },
);

test.each(postgresMajors)(
  'a slot that goes after it was looked at (PostgreSQL %i)',
  async (major) => {
    await using database = await createDatabase(postgres(major));
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    const options = driverOptions(database);
    await using replica = new Replica(options);
    await replica.prepare();
    const from = await replica.dump();
    await database.query('SELECT pg_drop_replication_slot($1)', [options.slot]);
    replica.follow(from);
    await expect(replica.ended).rejects.toMatchObject({ code: 'slot_missing' });
  },
);
