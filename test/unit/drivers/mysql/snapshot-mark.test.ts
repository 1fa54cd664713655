import { expect, test } from 'vitest';
import {
  comparePositions,
  markOf,
  snapshotContains,
} from '../../../../src/drivers/mysql/snapshot-mark.ts';
import type { TransactionPart } from '../../../../src/replication/change.ts';
import type { MysqlPosition } from '../../../../src/replication/position.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

function at(file: string, offset: number, gtid: string | null = null): MysqlPosition {
  return { kind: 'mysql', gtid, file, offset };
}

function part(xid: string, commit: MysqlPosition): TransactionPart {
  const rest = { first: true, last: true, changes: [], messages: 0, committedAt: new Date(0) };
  return { type: 'transaction', xid, commit, position: commit, ...rest };
}

test('by GTID, whatever the places say', () => {
  const mark = markOf(at('a.000002', 500, `${uuid}:1-10:tag:1-3`));
  const elsewhere = at('b.000009', 9);
  expect(snapshotContains(mark, part(`${uuid}:10`, elsewhere))).toBe(true);
  expect(snapshotContains(mark, part(`${uuid}:11`, elsewhere))).toBe(false);
  expect(snapshotContains(mark, part(`${uuid}:tag:3`, elsewhere))).toBe(true);
  expect(snapshotContains(mark, part(`${uuid}:tag:4`, elsewhere))).toBe(false);
  expect(snapshotContains(mark, part(`${uuid}:other:1`, elsewhere))).toBe(false);
});

test('MariaDB: by sequence number in its domain', () => {
  const mark = markOf(at('a.000002', 500, '0-1-10,5-1-3'));
  expect(snapshotContains(mark, part('0-2-10', at('a.000001', 4)))).toBe(true);
  expect(snapshotContains(mark, part('0-1-11', at('a.000001', 4)))).toBe(false);
  expect(snapshotContains(mark, part('6-1-1', at('a.000001', 4)))).toBe(false);
});

test('without GTIDs: by where the transaction begins', () => {
  const mark = markOf(at('a.000002', 500));
  expect(snapshotContains(mark, part('a.000002:400', at('a.000002', 400)))).toBe(true);
  expect(snapshotContains(mark, part('a.000002:500', at('a.000002', 500)))).toBe(false);
  expect(snapshotContains(mark, part('a.000001:900', at('a.000001', 900)))).toBe(true);
  expect(snapshotContains(mark, part('a.000010:4', at('a.000010', 4)))).toBe(false);
});

test('a mark that is none is refused', () => {
  expect(() => snapshotContains('{"a":1}', part('a:1', at('a.000001', 4)))).toThrow(RangeError);
});

test.each([
  [at('a.000002', 5), at('a.000002', 5), 0],
  [at('a.000002', 5), at('a.000010', 4), -1],
  [at('a.999999', 5), at('a.1000000', 4), -1],
  [at('a.000001', 900, `${uuid}:1-10`), at('b.000001', 4, `${uuid}:1-11`), -1],
  [at('b.000001', 4, `${uuid}:1-12`), at('a.000001', 900, `${uuid}:1-11`), 1],
  [at('a.000001', 4, '0-1-5'), at('a.000001', 4, '0-1-6'), -1],
  [at('a.000001', 8, `${uuid}:1-10`), at('a.000001', 4, `${uuid}:1-10`), 1],
])('order of positions %#', (a, b, expected) => {
  expect(comparePositions(a, b)).toBe(expected);
  expect(comparePositions(b, a)).toBe(expected === 0 ? 0 : -expected);
});
