import { describe, expect, test } from 'vitest';
import { GtidSet } from '../../../../../src/drivers/mysql/binlog/gtid-set.ts';
import {
  decodeGtidSet,
  encodeGtidSet,
} from '../../../../../src/drivers/mysql/binlog/gtid-set-binary.ts';
import { MariadbGtidSet } from '../../../../../src/drivers/mysql/binlog/mariadb-gtid-set.ts';
import { eventBytes, events } from './fixtures.ts';

const a = '2a4b0a90-e6bc-11f1-be2e-02fc00000001';
const b = '3a4b0a90-e6bc-11f1-be2e-02fc00000001';

describe('MySQL', () => {
  test.each([
    ['', ''],
    [`${a}:1`, `${a}:1`],
    [`${a}:1-5:7`, `${a}:1-5:7`],
    [`${a}:7:1-5:6`, `${a}:1-7`],
    [`${a}:3-9:1-4`, `${a}:1-9`],
    [`${b}:1,\n${a}:2`, `${a}:2,${b}:1`],
    [`${a}:1,${a}:2`, `${a}:1-2`],
    [`${a}:1-3:tag:5`, `${a}:1-3:tag:5`],
    [`${a}:tag:5:1-3`, `${a}:tag:1-3:5`],
    [`${a}:zz:1,${a}:aa:2,${a}:3`, `${a}:3:aa:2:zz:1`],
    [`${a.toUpperCase()}: TAG : 1 - 3`.replace(' - ', '-'), `${a}:tag:1-3`],
    [`${a.replaceAll('-', '')}:4`, `${a}:4`],
    [`${a}:5-4`, ''],
    [`${a}:9223372036854775806`, `${a}:9223372036854775806`],
  ])('%j is %j', (text, formatted) => {
    const set = GtidSet.parse(text);
    expect(set.format()).toBe(formatted);
    expect(set.isEmpty).toBe(formatted === '');
    expect(decodeGtidSet(encodeGtidSet(set)).format()).toBe(formatted);
  });

  test.each([
    'x',
    `${a}`,
    `${a}:`,
    `${a}:0`,
    `${a}:1-`,
    `${a}:-1`,
    `${a}:1:9tag:1`,
    `${a}:9223372036854775807`,
    `${a.slice(1)}:1`,
    `${a}:${'t'.repeat(33)}:1`,
  ])('%j is not a set', (text) => {
    expect(() => GtidSet.parse(text)).toThrow(RangeError);
  });

  test('add', () => {
    const source = { uuid: a, tag: '' };
    const tagged = { uuid: a, tag: 'x' };
    let set = GtidSet.empty.add(source, 1n).add(source, 2n).add(source, 4n);
    expect(set.format()).toBe(`${a}:1-2:4`);
    const before = set;
    set = set.add(source, 3n).add(tagged, 1n).add({ uuid: b, tag: '' }, 9n);
    expect(set.format()).toBe(`${a}:1-4:x:1,${b}:9`);
    expect(before.format()).toBe(`${a}:1-2:4`);
    expect(set.add(source, 2n)).toBe(set);
    expect(set.contains(source, 4n)).toBe(true);
    expect(set.contains(source, 5n)).toBe(false);
    expect(set.contains(tagged, 2n)).toBe(false);
  });

  test('subset and union', () => {
    const all = GtidSet.parse(`${a}:1-10:20-30:tag:1-5,${b}:1`);
    const subset = (text: string) => GtidSet.parse(text).isSubsetOf(all);
    expect(subset('')).toBe(true);
    expect(subset(`${a}:2-9:25`)).toBe(true);
    expect(subset(`${a}:9-20`)).toBe(false);
    expect(subset(`${a}:tag:6`)).toBe(false);
    expect(subset(`${b}:tag:1`)).toBe(false);
    expect(all.isSubsetOf(all)).toBe(true);
    const union = GtidSet.parse(`${a}:1-3:tag:1`).union(GtidSet.parse(`${a}:4:tag:3,${b}:2`));
    expect(union.format()).toBe(`${a}:1-4:tag:1:3,${b}:2`);
  });

  test('the binary form is that of the server, with tags', () => {
    const path = 'mysql-9.7/transactions';
    const bytes = eventBytes(path)[1] ?? Buffer.alloc(0);
    const event = events(path)[1];
    if (event?.type !== 'previous_gtids') throw new Error('another event');
    expect(event.set.format()).toMatch(/^[0-9a-f-]{36}:1-\d+:tag_1:1$/);
    expect(encodeGtidSet(event.set)).toEqual(bytes.subarray(19, -4));
  });

  test('the binary form without tags', () => {
    const encoded = encodeGtidSet(GtidSet.parse(`${a}:1-5:7`));
    expect(encoded.toString('hex')).toBe(
      `0100000000000000${a.replaceAll('-', '')}0200000000000000` +
        '01000000000000000600000000000000' +
        '07000000000000000800000000000000',
    );
  });

  test('an event adds what it names', () => {
    const path = 'mysql-9.7/transactions';
    let set = GtidSet.empty;
    for (const event of events(path)) {
      if (event.type === 'previous_gtids') set = event.set;
      if (event.type === 'gtid') set = set.add(event, event.gno);
    }
    expect(set.format()).toMatch(/^[0-9a-f-]{36}:1-\d+:mine:1:tag_1:1$/);
  });
});

describe('MariaDB', () => {
  test('parse and format, by domain', () => {
    expect(MariadbGtidSet.parse('1-2-5, 0-1-100').format()).toBe('0-1-100,1-2-5');
    expect(MariadbGtidSet.parse('').isEmpty).toBe(true);
    expect(MariadbGtidSet.parse('0-4294967295-18446744073709551615').entries()).toEqual([
      { domain: 0, serverId: 4294967295, sequence: 18446744073709551615n },
    ]);
  });

  test.each(['x', '0-1', '0-1-2-3', '0-1-2,0-1-3', '4294967296-1-1', '0-1-18446744073709551616'])(
    '%j is not a place',
    (text) => {
      expect(() => MariadbGtidSet.parse(text)).toThrow(RangeError);
    },
  );

  test('add, contains, subset, union', () => {
    const set = MariadbGtidSet.parse('0-1-100').add({ domain: 5, serverId: 2, sequence: 1n });
    const next = set.add({ domain: 0, serverId: 3, sequence: 101n });
    expect(next.format()).toBe('0-3-101,5-2-1');
    expect(set.format()).toBe('0-1-100,5-2-1');
    expect(set.contains({ domain: 0, serverId: 9, sequence: 100n })).toBe(true);
    expect(set.contains({ domain: 0, serverId: 1, sequence: 101n })).toBe(false);
    expect(set.contains({ domain: 7, serverId: 1, sequence: 1n })).toBe(false);
    expect(set.isSubsetOf(next)).toBe(true);
    expect(next.isSubsetOf(set)).toBe(false);
    expect(set.union(MariadbGtidSet.parse('0-1-7,9-1-1')).format()).toBe('0-1-100,5-2-1,9-1-1');
  });

  test('the list at the start of a file', () => {
    const list = events('mariadb-10.11/compressed').find((e) => e.type === 'mariadb_gtid_list');
    if (list?.type !== 'mariadb_gtid_list') throw new Error('no list');
    const set = list.gtids.reduce((sum, gtid) => sum.add(gtid), MariadbGtidSet.empty);
    expect(set.format()).toMatch(/^0-\d+-\d+,5-\d+-1$/);
  });
});
