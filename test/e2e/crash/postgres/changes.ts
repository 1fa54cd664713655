/** The changes that a random transaction is made of. Keys come from small ranges, so that they meet again. */
import type { Random } from '../random.ts';

export interface Change {
  readonly run: (sql: string, values: unknown[]) => Promise<unknown>;
  readonly random: Random;
  /** Written into each row that is changed. */
  readonly txn: number;
}

export type Step = (change: Change) => Promise<void>;

const texts = ['', 'plain', 'a/b', '100 %', 'é😀', 'line\nbreak "quoted" \\', '  spaces  '];
const documents = [
  '{"a": 1.10, "b": [1E5, -0.0, 12345678901234567890]}',
  '[]',
  '{"a/b":{"c":null}, "text":"é"}',
  '"only text"',
  '3.000',
  'null',
];

const itemKeys = 300;
const seatKeys = 120;

function item(random: Random): unknown[] {
  const digits = String(random.below(1e9)).padEnd(1 + random.below(35), '7');
  const big = BigInt.asIntN(64, BigInt(random.below(2 ** 32)) << BigInt(random.below(33)));
  return [
    random.below(65_536) - 32_768,
    String(random.chance(0.5) ? big : -big),
    random.chance(0.1) ? 'NaN' : `${digits}.${digits.slice(0, random.below(20))}`,
    random.pick(['0.1', '1e300', '-1e-300', '3', 'Infinity', '123456789.123']),
    random.pick(documents),
    random.pick(documents),
    random.chance(0.2) ? null : random.pick(texts),
  ];
}

function bigText(random: Random): string {
  return `${random.next()} `.repeat(130 + random.below(200));
}

function day(random: Random): string {
  return `2020-01-0${1 + random.below(3)}`;
}

const items: readonly Step[] = [
  async ({ run, random, txn }) => {
    await run(
      `INSERT INTO items (id, txn, small, n, dec, flt, doc, docb, note)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
      [random.below(itemKeys), txn, ...item(random)],
    );
  },
  async ({ run, random, txn }) => {
    await run(
      `UPDATE items SET txn = $2, small = $3, n = $4, dec = $5, flt = $6, doc = $7, docb = $8, note = $9
       WHERE id = $1`,
      [random.below(itemKeys), txn, ...item(random)],
    );
  },
  async ({ run, random, txn }) => {
    const from = random.below(itemKeys);
    await run('UPDATE items SET txn = $3, n = n + 1 WHERE id BETWEEN $1 AND $2', [
      from,
      from + random.below(8),
      txn,
    ]);
  },
  async ({ run, random, txn }) => {
    await run(
      `UPDATE items SET id = $2, txn = $3 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM items WHERE id = $2)`,
      [random.below(itemKeys), random.below(itemKeys), txn],
    );
  },
  async ({ run, random }) => {
    await run('DELETE FROM items WHERE id = $1', [random.below(itemKeys)]);
  },
  // Gone and there again in one transaction, and twice.
  async ({ run, random, txn }) => {
    const id = random.below(itemKeys);
    for (const round of [1, 2]) {
      await run('DELETE FROM items WHERE id = $1', [id]);
      await run('INSERT INTO items (id, txn, n, note) VALUES ($1, $2, $3, $4)', [
        id,
        txn,
        round,
        random.pick(texts),
      ]);
    }
  },
];

const pairs: readonly Step[] = [
  async ({ run, random, txn }) => {
    await run(
      'INSERT INTO pairs (a, b, txn, amount) VALUES ($1, $2, $3, $4) ON CONFLICT (a, b) DO UPDATE SET txn = $3, amount = $4',
      [random.below(20), random.pick(texts), txn, `${random.below(1e9)}.${random.below(99999)}`],
    );
  },
  async ({ run, random, txn }) => {
    await run('UPDATE pairs SET txn = $2, amount = amount + 0.00001 WHERE a = $1', [
      random.below(20),
      txn,
    ]);
  },
  async ({ run, random, txn }) => {
    await run('UPDATE pairs SET a = $2, txn = $4 WHERE a = $1 AND b = $3', [
      random.below(20),
      random.below(20),
      `b${random.below(10)}`,
      txn,
    ]);
  },
  async ({ run, random }) => {
    await run('DELETE FROM pairs WHERE a = $1 AND b = $2', [random.below(20), random.pick(texts)]);
  },
];

const seats: readonly Step[] = [
  // A swap.
  async ({ run, random, txn }) => {
    const [a, b] = [random.below(seatKeys), random.below(seatKeys)];
    await run(
      'UPDATE seats SET txn = $3, pos = CASE pos WHEN $1::int THEN $2::int ELSE $1::int END WHERE pos IN ($1::int, $2::int)',
      [a, b, txn],
    );
  },
  // Two rows hold one key for a moment, then the second moves on.
  async ({ run, random, txn }) => {
    const [a, b, c] = [random.below(seatKeys), random.below(seatKeys), random.below(seatKeys)];
    await run(
      `WITH moved AS (SELECT rid FROM seats WHERE pos = $1 LIMIT 1)
       UPDATE seats SET txn = $3, pos = $2 FROM moved WHERE seats.rid = moved.rid`,
      [a, b, txn],
    );
    await run(
      `UPDATE seats SET txn = $2, pos = $3
       WHERE rid = (SELECT max(rid) FROM seats WHERE pos = $1) AND (SELECT count(*) FROM seats WHERE pos = $1) > 1
         AND NOT EXISTS (SELECT 1 FROM seats WHERE pos = $3)`,
      [b, txn, c],
    );
  },
  // A rotation of all in a range.
  async ({ run, random, txn }) => {
    const from = random.below(seatKeys - 10);
    await run(
      'UPDATE seats SET txn = $2, pos = $1::int + (pos - $1::int + 1) % 10 WHERE pos BETWEEN $1::int AND $1::int + 9',
      [from, txn],
    );
  },
  async ({ run, random, txn }) => {
    await run(
      'INSERT INTO seats (pos, txn, label) SELECT $1::int, $2::bigint, $3::text WHERE NOT EXISTS (SELECT 1 FROM seats WHERE pos = $1::int)',
      [random.below(seatKeys), txn, random.pick(texts)],
    );
  },
  async ({ run, random }) => {
    await run('DELETE FROM seats WHERE pos = $1', [random.below(seatKeys)]);
  },
];

const blobs: readonly Step[] = [
  // The large value stays as it is: the log omits it.
  async ({ run, random, txn }) => {
    await run('UPDATE blobs SET txn = $2, n = n + 1 WHERE id = $1', [random.below(120), txn]);
  },
  async ({ run, random, txn }) => {
    const from = random.below(120);
    await run('UPDATE blobs SET txn = $3, n = n + 1 WHERE id BETWEEN $1 AND $2', [
      from,
      from + 3,
      txn,
    ]);
  },
  async ({ run, random, txn }) => {
    await run(
      'UPDATE blobs SET id = $2, txn = $3 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM blobs WHERE id = $2)',
      [random.below(120), random.below(120), txn],
    );
  },
  async ({ run, random, txn }) => {
    await run('UPDATE blobs SET txn = $2, big = $3 WHERE id = $1', [
      random.below(120),
      txn,
      bigText(random),
    ]);
  },
  async ({ run, random, txn }) => {
    const id = random.below(120);
    if (random.chance(0.5)) await run('DELETE FROM blobs WHERE id = $1', [id]);
    await run('INSERT INTO blobs (id, txn, n, big) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING', [
      id,
      txn,
      bigText(random),
    ]);
  },
];

const logs: readonly Step[] = [
  async ({ run, random, txn }) => {
    const line = random.chance(0.1) ? bigText(random) : random.pick(texts);
    await run(
      'INSERT INTO logs (id, day, txn, line) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [random.below(100), day(random), txn, line],
    );
  },
  async ({ run, random, txn }) => {
    await run(`UPDATE logs SET txn = $2, line = left(line, 2000) || '+' WHERE id = $1`, [
      random.below(100),
      txn,
    ]);
  },
  async ({ run, random, txn }) => {
    await run(
      `UPDATE logs SET txn = $3, day = $2 WHERE id = $1 AND day = $4
         AND NOT EXISTS (SELECT 1 FROM logs WHERE id = $1 AND day = $2)`,
      [random.below(100), day(random), txn, day(random)],
    );
  },
  async ({ run, random }) => {
    await run('DELETE FROM logs WHERE id = $1 AND day = $2', [random.below(100), day(random)]);
  },
];

const bulk: readonly Step[] = [
  async ({ run, random, txn }) => {
    const from = random.below(30_000);
    await run('UPDATE bulk SET txn = $3 WHERE id BETWEEN $1 AND $2', [
      from,
      from + random.below(20),
      txn,
    ]);
  },
];

/** Common changes, of a few rows each. */
export const smallChanges: readonly Step[] = [
  ...items,
  ...pairs,
  ...seats,
  ...blobs,
  ...logs,
  ...bulk,
];
