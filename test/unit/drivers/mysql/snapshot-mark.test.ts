import { expect, test } from 'vitest';
import {
  comparePositions,
  isPassed,
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
  const mark = markOf(at('a.000002', 500, `${uuid}:1-10:tag:1-3`), uuid);
  const elsewhere = at('b.000009', 9);
  expect(snapshotContains(mark, part(`${uuid}:10`, elsewhere), uuid)).toBe(true);
  expect(snapshotContains(mark, part(`${uuid}:11`, elsewhere), uuid)).toBe(false);
  expect(snapshotContains(mark, part(`${uuid}:tag:3`, elsewhere), uuid)).toBe(true);
  expect(snapshotContains(mark, part(`${uuid}:tag:4`, elsewhere), uuid)).toBe(false);
  expect(snapshotContains(mark, part(`${uuid}:other:1`, elsewhere), uuid)).toBe(false);
});

const maria = 'server_id 1';

test.each([
  ['another server', markOf(at('a.000002', 500, '0-1-10,5-1-3'), 'server_id 2')],
  [
    'a mark that does not say',
    JSON.stringify({ gtid: '0-1-10,5-1-3', file: 'a.000002', offset: 500 }),
  ],
])('MariaDB, %s: by sequence number in its domain', (_title, mark) => {
  const contains = (xid: string) => snapshotContains(mark, part(xid, at('a.000001', 4)), maria);
  expect(contains('0-2-10')).toBe(true);
  expect(contains('0-1-11')).toBe(false);
  expect(contains('6-1-1')).toBe(false);
});

test('MariaDB, the same server: by place, because the numbers are in no order', () => {
  const mark = markOf(at('a.000002', 500, '0-1-1000005'), maria);
  expect(snapshotContains(mark, part('0-2-502', at('a.000002', 500)), maria)).toBe(false);
  expect(snapshotContains(mark, part('0-2-2000000', at('a.000002', 499)), maria)).toBe(true);
});

test('a mark that the stream has passed', () => {
  const until = at('a.000002', 500, '0-2-150');
  const mark = { snapshot: markOf(until, maria), until };
  const isPassedAt = (place: MysqlPosition, server = maria) => isPassed(mark, place, server);
  expect(isPassedAt(at('a.000002', 600, '0-3-110'))).toBe(true);
  expect(isPassedAt(at('a.000002', 400, '0-3-160'))).toBe(false);
  expect(isPassedAt(at('b.000001', 4, '0-3-151'), 'server_id 2')).toBe(true);
  expect(isPassedAt(at('b.000009', 4, '0-3-149'), 'server_id 2')).toBe(false);
});

test('without GTIDs: by where the transaction begins', () => {
  const mark = markOf(at('a.000002', 500), uuid);
  expect(snapshotContains(mark, part('a.000002:400', at('a.000002', 400)), uuid)).toBe(true);
  expect(snapshotContains(mark, part('a.000002:500', at('a.000002', 500)), uuid)).toBe(false);
  expect(snapshotContains(mark, part('a.000001:900', at('a.000001', 900)), uuid)).toBe(true);
  expect(snapshotContains(mark, part('a.000010:4', at('a.000010', 4)), uuid)).toBe(false);
});

test('a mark that is none is refused', () => {
  expect(() => snapshotContains('{"a":1}', part('a:1', at('a.000001', 4)), null)).toThrow(
    RangeError,
  );
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

test('MariaDB, positions of one server: by place', () => {
  const a = at('a.000002', 8, '0-1-50');
  const b = at('a.000002', 4, '0-2-99');
  expect(comparePositions(a, b)).toBe(-1);
  expect(comparePositions(a, b, true)).toBe(1);
});
