/** The changes that stand out: of whole tables, and of more rows than one etcd transaction holds. */
import type { Change, Step } from './changes.ts';

/** Empties a table for a while. */
export async function truncate({ run, random, txn }: Change, includingBulk: boolean) {
  const tables = ['items', 'pairs', 'seats', 'blobs', 'logs', 'items, logs'];
  const table = random.pick(includingBulk ? [...tables, 'bulk'] : tables);
  await run(`TRUNCATE ${table}`, []);
  if (table === 'blobs') {
    await run(
      `INSERT INTO blobs (id, txn, n, big) SELECT i, $1::bigint, i, repeat(md5(i::text), 80) FROM generate_series(1, 60) i`,
      [txn],
    );
  }
  if (table === 'seats') {
    await run(
      `INSERT INTO seats (pos, txn, label) SELECT i, $1::bigint, 'new' FROM generate_series(1, 60) i`,
      [txn],
    );
  }
}

/** More keys than one etcd transaction holds, or more bytes. */
export const largeChange: Step = async ({ run, random, txn }) => {
  const from = random.below(10_000);
  const to = from + 4_500 + random.below(4_000);
  // Enough of them again after a TRUNCATE.
  await run(
    `INSERT INTO bulk (id, txn, v) SELECT i, $3::bigint, 'again' FROM generate_series($1::int, $2::int) i
     ON CONFLICT DO NOTHING`,
    [from, to, txn],
  );
  switch (random.below(4)) {
    case 0:
      await run('UPDATE bulk SET txn = $3, v = md5(random()::text) WHERE id BETWEEN $1 AND $2', [
        from,
        to,
        txn,
      ]);
      break;
    case 1:
      await run(
        `UPDATE bulk SET txn = $3, id = id + 50000
         WHERE id BETWEEN $1 AND $2 AND NOT EXISTS (SELECT 1 FROM bulk b WHERE b.id = bulk.id + 50000)`,
        [from, to, txn],
      );
      break;
    case 2:
      await run('DELETE FROM bulk WHERE id BETWEEN $1 AND $2', [from, to]);
      break;
    default:
      await run(
        'UPDATE bulk SET txn = $3, v = repeat(md5(id::text), 20) WHERE id BETWEEN $1 AND $2',
        [from, from + 3_000, txn],
      );
  }
};
