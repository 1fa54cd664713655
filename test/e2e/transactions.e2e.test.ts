/** Source transactions in etcd: whole ones, split ones, and one of a million rows (SPEC §2.2, §2.6, §7). */

import { expect, test } from 'vitest';
import { startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const setup = 'CREATE TABLE item (id int PRIMARY KEY, v text)';

function revisions(events: readonly { readonly modRevision: bigint }[]): Map<bigint, number> {
  const counts = new Map<bigint, number>();
  for (const { modRevision } of events) counts.set(modRevision, (counts.get(modRevision) ?? 0) + 1);
  return counts;
}

interface Checkpoint {
  readonly partial: { readonly commit: { readonly lsn: string }; readonly changes: number } | null;
}

const checkpointKey = (sync: TestSync) => `${sync.prefix.state}/syncs/shop/checkpoint`;

test('a transaction of 4,000 keys is one revision, with its checkpoint', async () => {
  await using sync = await startSync({ setup });
  await sync.caughtUp();
  const { gateway, rows, state } = sync.prefix;
  await using watch = await gateway.watchPrefix(rows);
  await using own = await gateway.watchPrefix(`${state}/syncs/shop/checkpoint`);
  await sync.sql(`INSERT INTO item SELECT n, 'v' || n FROM generate_series(1, 4000) n`);
  await sync.agrees('item');
  await until(() => watch.events.length === 4_000, { what: 'all events', failure: watch.failure });
  const [revision] = revisions(watch.events).keys();
  expect(revisions(watch.events).size).toBe(1);
  const written = own.events.find(({ modRevision }) => modRevision === revision);
  expect((JSON.parse(written?.value ?? '{}') as Checkpoint).partial).toBeNull();
  await sync.sql('UPDATE item SET id = -id WHERE id <= 2000');
  await sync.agrees('item');
  await until(() => watch.events.length === 8_000, { what: 'all events', failure: watch.failure });
  expect(revisions(watch.events).size).toBe(2);
});

test('a larger one is split in order, the checkpoint says so in between, and a kill resumes within it', async () => {
  await using sync = await startSync({ setup });
  await sync.caughtUp();
  const { gateway, rows } = sync.prefix;
  await using watch = await gateway.watchPrefix(rows);
  await using own = await gateway.watchPrefix(checkpointKey(sync));
  await sync.sql(`INSERT INTO item SELECT n, 'v' || n FROM generate_series(1, 60000) n`);
  await until(
    () => own.events.some(({ value }) => (JSON.parse(value) as Checkpoint).partial !== null),
    {
      what: 'a part is there',
      failure: own.failure,
    },
  );
  await sync.kill();
  const stored = JSON.parse((await gateway.get(checkpointKey(sync)))?.value ?? '{}') as Checkpoint;
  const there = (await gateway.values(rows)).size;
  expect({ there, changes: stored.partial?.changes }).toEqual({ there, changes: there });
  expect(there).toBeLessThan(60_000);
  await sync.restart();
  await sync.agrees('item');
  await sync.caughtUp();
  await until(() => watch.events.length >= 60_000, { what: 'all events', failure: watch.failure });
  // Nothing twice, in the order of the source, and nothing else between the parts.
  const ids = watch.events.map(({ key }) => Number(key.split('/').at(-1)));
  expect(new Set(ids).size).toBe(ids.length);
  const byRevision = [...revisions(watch.events).values()];
  expect(byRevision.length).toBeGreaterThan(10);
  let last = 0;
  for (const count of byRevision) {
    const part = ids.slice(last, last + count).sort((a, b) => a - b);
    expect([part[0], part.at(-1)]).toEqual([last + 1, last + count]);
    last += count;
  }
  const parts = own.events.map(({ value }) => (JSON.parse(value) as Checkpoint).partial);
  const changes = parts.filter((part) => part !== null).map((part) => part.changes);
  expect(changes).toEqual(changes.toSorted((a, b) => a - b));
  expect(
    (JSON.parse((await gateway.get(checkpointKey(sync)))?.value ?? '{}') as Checkpoint).partial,
  ).toBeNull();
  expect((await sync.status()).counters).toMatchObject({ transactions: 1 });
});

test('a TRUNCATE of many keys is split; killed within it, what follows in the transaction is not lost', async () => {
  await using sync = await startSync({
    setup: `${setup}; INSERT INTO item SELECT n, repeat('v', 50) FROM generate_series(1, 60000) n`,
  });
  await sync.agrees('item');
  const { gateway } = sync.prefix;
  await using own = await gateway.watchPrefix(checkpointKey(sync));
  await sync.sql(
    `BEGIN; UPDATE item SET v = 'gone' WHERE id < 10; TRUNCATE item; INSERT INTO item SELECT n, 'new' FROM generate_series(50000, 65000) n; DELETE FROM item WHERE id < 50010; COMMIT`,
  );
  const isPartial = ({ value }: { readonly value: string }) =>
    (JSON.parse(value) as Checkpoint).partial !== null;
  await until(() => own.events.some(isPartial), { what: 'a part is there', failure: own.failure });
  await sync.kill();
  await sync.restart();
  await sync.sql(`UPDATE item SET v = 'later' WHERE id = 60000`);
  await sync.agrees('item');
});

test('a transaction of a million rows, in bounded memory', { timeout: 240_000 }, async () => {
  await using sync = await startSync({ setup });
  await sync.caughtUp();
  const count = 1_000_000;
  const before = await sync.peakBytes();
  await sync.sql(`INSERT INTO item SELECT n, repeat('v', 190) FROM generate_series(1, ${count}) n`);
  await sync.until('it is through', ({ counters }) => counters.inserts === count, 180_000);
  await sync.caughtUp();
  const peak = await sync.peakBytes();
  console.log(
    `peak memory: ${Math.round(before / 2 ** 20)} MiB before, ${Math.round(peak / 2 ** 20)} MiB after`,
  );
  expect(peak).toBeLessThanOrEqual(300 * 1000 * 1000);
  await sync.sql('TRUNCATE item');
  await sync.until('it is empty', ({ counters }) => counters.truncates === 1, 60_000);
  await sync.caughtUp();
  expect((await sync.keys('item')).size).toBe(0);
});
