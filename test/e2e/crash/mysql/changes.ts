/** The changes that a random transaction is made of. Keys come from small ranges, so that they meet again. */
import type { Random } from '../random.ts';

export interface Change {
  readonly run: (sql: string, values: unknown[]) => Promise<unknown>;
  readonly random: Random;
  /** Written into each row that is changed. */
  readonly txn: number;
  /** The first of so many row ids that nobody else has. */
  readonly rid: (count?: number) => number;
}

export type Step = (change: Change) => Promise<unknown>;

const texts = ['', 'plain', 'a/b', '100 %', 'é😀', 'line\nbreak "quoted" \\ \'', '  spaces  '];
const itemKeys = 300;

function item(random: Random): unknown[] {
  const digits = String(random.below(1e9)).padEnd(1 + random.below(28), '7');
  const big = BigInt(random.below(2 ** 32)) << BigInt(random.below(30));
  const fraction = String(random.next()).slice(2, 2 + random.below(18));
  return [
    random.below(65_536) - 32_768,
    String(random.chance(0.5) ? big : -big),
    String(random.chance(0.2) ? 2n ** 64n - 1n - big : big),
    random.chance(0.1) ? null : `${random.chance(0.5) ? '-' : ''}${digits}.${fraction}`,
    random.pick([
      null,
      '2020-01-02 10:00:00.125',
      '1999-12-31 23:59:59.999',
      '2020-02-29 00:00:00',
    ]),
    random.chance(0.2) ? null : random.pick(texts),
  ];
}

function bigText(random: Random): string {
  return `${random.next()} `.repeat(130 + random.below(200));
}

function day(random: Random): string {
  return `2020-01-0${1 + random.below(3)}`;
}

const itemColumns = 'id, rid, txn, small, n, u, `dec`, made, note';

const items: readonly Step[] = [
  ({ run, random, txn, rid }) =>
    run(`INSERT IGNORE INTO items (${itemColumns}) VALUES (?)`, [
      [random.below(itemKeys), rid(), txn, ...item(random)],
    ]),
  ({ run, random, txn, rid }) =>
    run(`REPLACE INTO items (${itemColumns}) VALUES (?)`, [
      [random.below(itemKeys), rid(), txn, ...item(random)],
    ]),
  ({ run, random, txn }) =>
    run(
      'UPDATE items SET txn = ?, small = ?, n = ?, u = ?, `dec` = ?, made = ?, note = ? WHERE id = ?',
      [txn, ...item(random), random.below(itemKeys)],
    ),
  ({ run, random, txn }) => {
    const from = random.below(itemKeys);
    return run('UPDATE items SET txn = ?, n = n + 1 WHERE id BETWEEN ? AND ?', [
      txn,
      from,
      from + random.below(8),
    ]);
  },
  ({ run, random, txn }) =>
    run('UPDATE items SET id = ?, txn = ? WHERE id = ?', [
      random.below(itemKeys),
      txn,
      random.below(itemKeys),
    ]),
  ({ run, random }) => run('DELETE FROM items WHERE id = ?', [random.below(itemKeys)]),
  // Each row takes the key of the next; where the last has no room, the statement is undone half-way.
  ({ run, random, txn }) => {
    const from = random.below(itemKeys);
    const order = random.chance(0.8) ? 'ORDER BY id DESC' : '';
    return run(`UPDATE items SET id = id + 1, txn = ? WHERE id BETWEEN ? AND ? ${order}`, [
      txn,
      from,
      from + 1 + random.below(8),
    ]);
  },
  // A swap by way of a third key.
  async ({ run, random, txn }) => {
    const [a, b] = [random.below(itemKeys), random.below(itemKeys)];
    for (const [from, to] of [
      [a, -1 - a],
      [b, a],
      [-1 - a, b],
    ]) {
      await run('UPDATE items SET id = ?, txn = ? WHERE id = ?', [to, txn, from]);
    }
  },
  // Gone and there again in one transaction, and twice.
  async ({ run, random, txn, rid }) => {
    const id = random.below(itemKeys);
    for (const round of [1, 2]) {
      await run('DELETE FROM items WHERE id = ?', [id]);
      await run('INSERT INTO items (id, rid, txn, n, note) VALUES (?)', [
        [id, rid(), txn, round, random.pick(texts)],
      ]);
    }
  },
];

function amount(random: Random): string {
  return `${random.chance(0.3) ? '-' : ''}${random.below(1e9)}.${random.below(99_999)}`;
}

const pairs: readonly Step[] = [
  ({ run, random, txn, rid }) => {
    const value = amount(random);
    return run(
      'INSERT INTO pairs (a, b, rid, txn, amount) VALUES (?) ON DUPLICATE KEY UPDATE txn = ?, amount = ?',
      [[random.below(20), random.pick(texts), rid(), txn, value], txn, value],
    );
  },
  ({ run, random, txn }) =>
    run('UPDATE pairs SET txn = ?, amount = amount + 0.00001 WHERE a = ?', [txn, random.below(20)]),
  ({ run, random, txn }) =>
    run('UPDATE IGNORE pairs SET a = ?, txn = ? WHERE a = ? AND b = ?', [
      random.below(20),
      txn,
      random.below(20),
      `b${random.below(10)}`,
    ]),
  // Those that have room move, the others stay.
  ({ run, random, txn }) =>
    run('UPDATE IGNORE pairs SET a = ?, txn = ? WHERE a = ?', [
      random.below(20),
      txn,
      random.below(20),
    ]),
  ({ run, random }) =>
    run('DELETE FROM pairs WHERE a = ? AND b = ?', [random.below(20), random.pick(texts)]),
];

const blobs: readonly Step[] = [
  ({ run, random, txn }) => {
    const from = random.below(120);
    return run('UPDATE blobs SET txn = ?, n = n + 1 WHERE id BETWEEN ? AND ?', [
      txn,
      from,
      from + random.below(4),
    ]);
  },
  ({ run, random, txn }) =>
    run('UPDATE blobs SET id = ?, txn = ? WHERE id = ?', [
      random.below(120),
      txn,
      random.below(120),
    ]),
  ({ run, random, txn }) =>
    run('UPDATE blobs SET txn = ?, big = ? WHERE id = ?', [
      txn,
      bigText(random),
      random.below(120),
    ]),
  async ({ run, random, txn, rid }) => {
    const id = random.below(120);
    if (random.chance(0.5)) await run('DELETE FROM blobs WHERE id = ?', [id]);
    await run('INSERT IGNORE INTO blobs (id, rid, txn, n, big) VALUES (?)', [
      [id, rid(), txn, 0, bigText(random)],
    ]);
  },
];

const logs: readonly Step[] = [
  ({ run, random, txn, rid }) => {
    const line = random.chance(0.1) ? bigText(random) : random.pick(texts);
    const verb = random.chance(0.5) ? 'REPLACE' : 'INSERT IGNORE';
    return run(`${verb} INTO logs (id, day, rid, txn, line) VALUES (?)`, [
      [random.below(100), day(random), rid(), txn, line],
    ]);
  },
  ({ run, random, txn }) =>
    run(`UPDATE logs SET txn = ?, line = CONCAT(LEFT(line, 2000), '+') WHERE id = ?`, [
      txn,
      random.below(100),
    ]),
  ({ run, random, txn }) =>
    run('UPDATE logs SET txn = ?, day = ? WHERE id = ? AND day = ?', [
      txn,
      day(random),
      random.below(100),
      day(random),
    ]),
  ({ run, random }) =>
    run('DELETE FROM logs WHERE id = ? AND day = ?', [random.below(100), day(random)]),
];

const bulk: readonly Step[] = [
  ({ run, random, txn }) => {
    const from = random.below(30_000);
    return run('UPDATE bulk SET txn = ? WHERE id BETWEEN ? AND ?', [
      txn,
      from,
      from + random.below(20),
    ]);
  },
  ({ run, random, txn, rid }) => {
    const count = 1 + random.below(20);
    return run(
      `INSERT INTO bulk (id, rid, txn, v) SELECT ? + n, ? + n, ?, 'new' FROM numbers WHERE n < ?
       ON DUPLICATE KEY UPDATE bulk.txn = ?`,
      [random.below(30_000), rid(count), txn, count, txn],
    );
  },
];

/** Common changes, of a few rows each. */
export const smallChanges: readonly Step[] = [...items, ...pairs, ...blobs, ...logs, ...bulk];
