/** A reader that is slow stops the source, not its memory; a large transaction arrives in parts. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { driverOptions, Replica } from '../support/postgres-driver.ts';
import { postgres } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

test('a stream that is not read stands still, longer than wal_sender_timeout, and goes on', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await database.query(`ALTER DATABASE ${database.name} SET wal_sender_timeout = '1500ms'`);
  await using proxy = await startTcpProxy(postgres(15));
  const at = { host: proxy.host, port: proxy.port };
  await using replica = new Replica(driverOptions(database, { ...at, pollIntervalMs: 60_000 }));
  await replica.start();
  await replica.caughtUp(database);
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  replica.gate = () => opened;
  const before = proxy.receivedBytes;
  await database.query(
    "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i",
  );
  let last = -1;
  await until(
    async () => {
      const seen = last;
      last = proxy.receivedBytes;
      await delay(200);
      return last > before && last === seen;
    },
    { what: 'the source is stopped' },
  );
  // 50 MB of rows; what is read is what fits the queues and the sockets.
  expect(proxy.receivedBytes - before).toBeLessThan(25_000_000);
  // Longer than the server waits for a sign of life.
  await delay(4_000);
  const slots = await database.query(
    'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
    [`watchersub_${database.name}`],
  );
  expect(slots).toEqual([{ active: true }]);
  open();
  await replica.caughtUp(database);
  expect(replica.violations).toEqual([]);
  expect(replica.rows('public.t').size).toBe(100_000);
  const parts = replica.messages.filter((message) => message.type === 'transaction');
  expect(parts.length).toBeGreaterThan(90);
  expect(parts.map(({ first }) => first).indexOf(true)).toBe(0);
  expect(parts.filter(({ first }) => first)).toHaveLength(1);
  expect(parts.filter((part) => part.last)).toEqual([parts.at(-1)]);
  expect(parts.at(-1)?.messages).toBe(100_000);
});

test('a dump that is not read stands still', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await database.query(
    "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i",
  );
  await using proxy = await startTcpProxy(postgres(15));
  await using replica = new Replica(
    driverOptions(database, { host: proxy.host, port: proxy.port }),
  );
  await replica.prepare();
  const { chunks } = await replica.driver.dump(replica.signal);
  let rows = 0;
  let largest = 0;
  for await (const chunk of chunks) {
    if (rows === 0) {
      let last = -1;
      await until(
        async () => {
          const seen = last;
          last = proxy.receivedBytes;
          await delay(200);
          return last === seen;
        },
        { what: 'the source is stopped' },
      );
      expect(proxy.receivedBytes).toBeLessThan(25_000_000);
    }
    rows += chunk.rows.length;
    largest = Math.max(largest, chunk.rows.length);
  }
  expect(rows).toBe(100_000);
  expect(largest).toBeLessThanOrEqual(500);
});

test('an idle source keeps no log: what it says of itself is confirmed', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (v int)');
  await using replica = new Replica(
    driverOptions(database, { matches: (_, table) => table === 't' }),
  );
  await replica.start();
  await database.query('INSERT INTO other SELECT generate_series(1, 10000)');
  const [row] = await database.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
  await until(
    async () => {
      const [slot] = await database.query(
        'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn >= $2::pg_lsn',
        [`watchersub_${database.name}`, row?.lsn],
      );
      return slot;
    },
    { what: 'the slot moves without a row of the sync', failure: replica.ended, timeoutMs: 40_000 },
  );
});

test('a commit on a quiet source arrives at once', async () => {
  await using database = await createDatabase(postgres(15));
  await database.query('CREATE TABLE t (id int PRIMARY KEY)');
  await using replica = new Replica(driverOptions(database, { pollIntervalMs: 60_000 }));
  await replica.start();
  await replica.caughtUp(database);
  for (let id = 0; id < 20; id++) {
    await database.query('INSERT INTO t VALUES ($1)', [id]);
    await until(() => replica.rows('public.t').has(String(id)), { what: 'it is there' });
  }
});
