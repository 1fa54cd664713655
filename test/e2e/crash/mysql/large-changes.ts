/** The changes that stand out: of whole tables, and of more rows than one etcd transaction holds. */
import type { Step } from './changes.ts';

/** Rows for a table that was truncated. */
export const refill: Step = ({ run, txn, rid }) =>
  run(
    `INSERT IGNORE INTO blobs (id, rid, txn, n, big) SELECT n, ? + n, ?, n, REPEAT(SHA2(n, 256), 40)
     FROM numbers WHERE n < 60`,
    [rid(60), txn],
  );

/** More keys than one etcd transaction holds, or more bytes. */
export const largeChange: Step = async ({ run, random, txn, rid }) => {
  const count = 4_500 + random.below(4_000);
  const from = random.below(10_000);
  const to = from + count;
  // Enough of them again after a TRUNCATE.
  await run(
    `INSERT IGNORE INTO bulk (id, rid, txn, v) SELECT ? + n, ? + n, ?, 'again' FROM numbers WHERE n < ?`,
    [from, rid(count), txn, count],
  );
  switch (random.below(4)) {
    case 0:
      await run('UPDATE bulk SET txn = ?, v = SHA2(RAND(), 256) WHERE id BETWEEN ? AND ?', [
        txn,
        from,
        to,
      ]);
      break;
    case 1:
      await run('UPDATE IGNORE bulk SET txn = ?, id = id + 50000 WHERE id BETWEEN ? AND ?', [
        txn,
        from,
        to,
      ]);
      break;
    case 2:
      await run('DELETE FROM bulk WHERE id BETWEEN ? AND ?', [from, to]);
      break;
    default:
      await run('UPDATE bulk SET txn = ?, v = REPEAT(SHA2(id, 256), 10) WHERE id BETWEEN ? AND ?', [
        txn,
        from,
        from + 3_000,
      ]);
  }
};
