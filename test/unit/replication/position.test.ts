import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatLsn,
  parseLsn,
  positionFromJson,
  positionToJson,
} from '../../../src/replication/position.ts';

const lsns = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('an LSN is written as PostgreSQL writes it', () => {
  expect(formatLsn(0n)).toBe('0/0');
  expect(formatLsn(0x16_b374_d848n)).toBe('16/B374D848');
  expect(formatLsn(2n ** 64n - 1n)).toBe('FFFFFFFF/FFFFFFFF');
});

test('every LSN survives text, in either case', () => {
  fc.assert(
    fc.property(lsns, (lsn) => {
      expect(parseLsn(formatLsn(lsn))).toBe(lsn);
      expect(parseLsn(formatLsn(lsn).toLowerCase())).toBe(lsn);
    }),
  );
});

test.for([
  '',
  '0',
  '0/',
  '/0',
  '0/0/0',
  '123456789/0',
  '0/123456789',
  'g/0',
  ' 0/0',
  '0/0 ',
  '-1/0',
])('%j is not an LSN', (text) => {
  expect(() => parseLsn(text)).toThrow(RangeError);
});

test('positions survive the checkpoint', () => {
  const postgres = { kind: 'postgres', lsn: 0x1_0000_0001n } as const;
  const mysql = { kind: 'mysql', gtid: null, file: 'binlog.000002', offset: 4 } as const;
  expect(positionToJson(postgres)).toEqual({ lsn: '1/1' });
  for (const position of [postgres, mysql, { ...mysql, gtid: 'a:1-5' }]) {
    expect(positionFromJson(positionToJson(position))).toEqual(position);
  }
});
