import { expect, test } from 'vitest';
import { GtidSet } from '../../../../src/drivers/mysql/binlog/gtid-set.ts';
import { parseExecuted } from '../../../../src/drivers/mysql/executed.ts';

const one = '11111111-1111-1111-1111-111111111111';
const two = '22222222-2222-2222-2222-222222222222';

const gtid = (uuid: string, gno: number, tag = '') =>
  ({ type: 'gtid', uuid, tag, gno: BigInt(gno), committedAtMicros: null }) as const;

test('a set grows as the slow one does, whatever comes in whatever order', () => {
  const executed = parseExecuted(`${two}:5,${one}:1-3:app:2`, 'mysql');
  let expected = GtidSet.parse(executed.text);
  expect(executed.text).toBe(`${one}:1-3:app:2,${two}:5`);
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  for (let count = 0; count < 2_000; count += 1) {
    const uuid = random(2) === 0 ? one : two;
    const tag = ['', 'app', 'x'][random(3)] ?? '';
    // Often the next, sometimes one that fills a gap or is there.
    const gno = 1 + random(3) + Math.floor(count / 20);
    const known = expected.contains({ uuid, tag }, BigInt(gno));
    expect(executed.add(gtid(uuid, gno, tag))).toBe(!known);
    expected = expected.add({ uuid, tag }, BigInt(gno));
    expect(executed.text).toBe(expected.format());
  }
});

test('an empty set', () => {
  const executed = parseExecuted('', 'mysql');
  expect(executed.text).toBe('');
  executed.add(gtid(one, 1));
  expect(executed.text).toBe(`${one}:1`);
  expect(executed.add(gtid(one, 1))).toBe(false);
  executed.add(gtid(one, 2));
  expect(executed.text).toBe(`${one}:1-2`);
});

test('a gap that closes joins what is on both sides', () => {
  const executed = parseExecuted(`${one}:1-2:6-9`, 'mysql');
  const texts = [3, 4, 5, 10].map((gno) => {
    executed.add(gtid(one, gno));
    return executed.text;
  });
  expect(texts).toEqual([`${one}:1-3:6-9`, `${one}:1-4:6-9`, `${one}:1-9`, `${one}:1-10`]);
});

test('of MariaDB: the last of each domain, in their order', () => {
  const executed = parseExecuted('10-1-5,2-1-7', 'mariadb');
  const add = (domain: number, serverId: number, sequence: bigint) =>
    executed.add({ domain, serverId, sequence });
  expect(executed.text).toBe('2-1-7,10-1-5');
  expect(add(0, 3, 1n)).toBe(true);
  // The server sends nothing that is done, and numbers do not tell.
  expect(add(2, 1, 7n)).toBe(true);
  expect(add(2, 9, 6n)).toBe(true);
  expect(executed.text).toBe('0-3-1,2-9-6,10-1-5');
});
