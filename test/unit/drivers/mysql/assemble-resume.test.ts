/** Where the log is read again: what is done is skipped, what is half done goes on. */
import { describe, expect, test } from 'vitest';
import { GtidSet } from '../../../../src/drivers/mysql/binlog/gtid-set.ts';
import type { Position } from '../../../../src/replication/position.ts';
import {
  assemble,
  assembler,
  ids,
  LogScript,
  numbers,
  parts,
  position,
  ScriptedTables,
  uuid,
} from './log-script.ts';

const replaced = expect.objectContaining({ code: 'source_replaced' });

describe('by GTID', () => {
  test('what is done is skipped, whatever it is', async () => {
    const tables = new ScriptedTables();
    const script = new LogScript().gtid(1).begin().rows('t', 1).xid();
    script.gtid(2).query('ALTER TABLE t').gtid(3).query('FROBNICATE').gtid(4).begin();
    script.query('INSERT INTO t').query('SAVEPOINT a').query('COMMIT').gtid(5).begin();
    script.rows('t', 5).xid();
    const found = await assemble(script, { gtid: `${uuid}:1-4`, tables });
    expect(found.map(ids)).toEqual([['t5']]);
    expect(tables.applied).toEqual([]);
  });

  test('gaps are filled, and tags counted apart', async () => {
    const script = new LogScript();
    for (const gno of [3, 2, 4]) script.gtid(gno).begin().rows('t', gno).xid();
    script.gtid(3, 'app').begin().rows('t', 30).xid();
    const found = await assemble(script, { gtid: `${uuid}:1:3:app:1` });
    expect(found.map(ids)).toEqual([['t2'], ['t4'], ['t30']]);
    expect(parts(found).map(({ position: at }) => (at as { gtid: string }).gtid)).toEqual([
      `${uuid}:1-3:app:1`,
      `${uuid}:1-4:app:1`,
      `${uuid}:1-4:app:1:3`,
    ]);
  });

  test('of MariaDB: the numbers are in no order, and on the same server the place says what is done', async () => {
    const script = () => {
      const built = new LogScript().mariadb('0-1-100').rows('t', 1).xid();
      return built.mariadb('0-2-90').rows('t', 2).xid().mariadb('0-2-5').rows('t', 3).xid();
    };
    const options = { flavour: 'mariadb', gtid: '0-1-99' } as const;
    const all = parts(await assemble(script(), options));
    expect(all.map(ids)).toEqual([['t1'], ['t2'], ['t3']]);
    expect(all.map(({ position: at }) => (at as { gtid: string }).gtid)).toEqual([
      '0-1-100',
      '0-2-90',
      '0-2-5',
    ]);
    const from = { position: all[1]?.position as Position, identity: {}, partial: null };
    const later = await assemble(script(), { ...options, from });
    expect(later.map(ids)).toEqual([['t3']]);
    // Another server sends what is not done, and its places are others.
    const elsewhere = { ...from, identity: { server: 'another' } };
    expect(await assemble(script(), { ...options, from: elsewhere })).toHaveLength(3);
  });

  test('a transaction without one makes the place count, until a file says what is done', async () => {
    const script = new LogScript().gtid(1).begin().rows('t', 1).xid();
    script.anonymous().begin().rows('t', 2).xid();
    script.gtid(2).begin().rows('t', 3).xid().rotate();
    script.add({ type: 'previous_gtids', set: GtidSet.parse(`${uuid}:1-2`) });
    script.gtid(3).begin().rows('t', 4).xid();
    const found = parts(await assemble(script));
    expect(found.map(({ position: at }) => (at as { gtid: string | null }).gtid)).toEqual([
      `${uuid}:1`,
      null,
      null,
      `${uuid}:1-3`,
    ]);
    expect(found[1]).toMatchObject({ xid: 'binlog.000001:504' });
  });
});

describe('a half-written transaction', () => {
  const half = () => new LogScript().gtid(7).begin().rows('t', 1).rows('o', 'a').rows('t', 2);
  const commit = position(`${uuid}:1-7`);

  test('goes on after the rows that are done, filters or not', async () => {
    const script = half().rows('o', 'b').rows('t', 3, 4).xid();
    const [part, ...more] = await assemble(script, {
      gtid: `${uuid}:1-6`,
      partial: { commit, messages: 5 },
    });
    expect(more).toEqual([]);
    expect(ids(part)).toEqual(['t4']);
    expect(part).toMatchObject({
      xid: `${uuid}:7`,
      commit,
      first: false,
      last: true,
      messages: 6,
      changes: [{ messagesBefore: 5 }],
    });
  });

  test('is split as before', async () => {
    const script = new LogScript().gtid(1).begin();
    script.rows('t', ...numbers(0, 2_500)).xid();
    const tables = new ScriptedTables();
    const whole = parts(await assemble(script, { tables }));
    const partial = { commit: position(`${uuid}:1`), messages: 1_000 };
    const rest = parts(await assemble(script, { tables, partial }));
    expect(rest).toEqual(whole.slice(1));
  });

  test('of which nothing is left: the end is handed out', async () => {
    const options = { gtid: `${uuid}:1-6`, partial: { commit, messages: 3 } };
    const script = new LogScript().heartbeat();
    script.events.push(...half().xid().events);
    expect(await assemble(script, options)).toMatchObject([
      { first: false, last: true, changes: [], messages: 3 },
    ]);
  });

  test('of which nothing was done, and which is nothing any more, ends', async () => {
    const script = new LogScript().gtid(7).begin().rows('o', 1).xid();
    const options = { gtid: `${uuid}:1-6`, partial: { commit, messages: 0 } };
    expect(await assemble(script, options)).toMatchObject([
      { last: true, changes: [], messages: 1 },
    ]);
  });

  test('comes after groups that are nothing to the sync, in silence', async () => {
    const script = new LogScript().gtid(9).begin().rows('o', 1).xid().heartbeat();
    script.gtid(7).begin().rows('t', 1, 2).xid().heartbeat();
    const found = await assemble(script, {
      gtid: `${uuid}:1-6`,
      identity: { server: 'another' },
      partial: { commit, messages: 1 },
    });
    expect(found.map(({ type }) => type)).toEqual(['transaction', 'heartbeat']);
    expect(found[0]).toMatchObject({ position: { gtid: `${uuid}:1-7:9` } });
  });

  test.each([
    ['another comes first', { gtid: 8, offset: 4 }],
    ['its GTID is that of another place on the same server', { gtid: 7, offset: 1_000 }],
  ])('does not come again: %s', async (_, { gtid, offset }) => {
    const script = new LogScript('binlog.000001', offset).gtid(gtid).begin().rows('t', 1).xid();
    const options = { gtid: `${uuid}:1-6`, partial: { commit, messages: 1 } };
    await expect(assemble(script, options)).rejects.toThrow(replaced);
  });

  test('may stand elsewhere on another server', async () => {
    const script = new LogScript('binlog.000040', 400).gtid(7).begin().rows('t', 1, 2).xid();
    const options = {
      gtid: `${uuid}:1-6`,
      identity: { server: 'another' },
      partial: { commit, messages: 1 },
    };
    expect((await assemble(script, options)).map(ids)).toEqual([['t2']]);
  });

  test('of MariaDB is the last of its domain', async () => {
    const script = new LogScript().mariadb('1-1-3').rows('t', 1, 2).xid();
    const found = await assemble(script, {
      flavour: 'mariadb',
      gtid: '0-1-7,1-1-2',
      partial: { commit: position('0-1-7,1-1-3'), messages: 1 },
    });
    expect(found.map(ids)).toEqual([['t2']]);
    const other = new LogScript().mariadb('1-1-4').rows('t', 1).xid();
    const partial = { commit: position('0-1-7,1-1-3'), messages: 1 };
    const options = { flavour: 'mariadb', gtid: '0-1-7,1-1-2', partial } as const;
    await expect(assemble(other, options)).rejects.toThrow(replaced);
  });

  test('without GTIDs is where it begins', async () => {
    const partial = { commit: position(null, 'binlog.000001', 404), messages: 1 };
    const script = new LogScript().begin().rows('o', 1).xid();
    script.begin().rows('t', 1, 2).xid();
    const target = assembler({ gtid: null, partial });
    expect((await assemble(script, target)).map(ids)).toEqual([['t2']]);
    const gone = new LogScript('binlog.000002').begin().rows('o', 1).xid();
    await expect(assemble(gone, { gtid: null, partial })).rejects.toThrow(replaced);
  });
});
