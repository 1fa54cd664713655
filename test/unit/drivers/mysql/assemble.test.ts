import { describe, expect, test } from 'vitest';
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

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('a group', () => {
  test('of MySQL is handed out at its XID, with its GTID among those that are done', async () => {
    const script = new LogScript().gtid(5).begin().rows('t', 1, 2).rows('u', 3).xid();
    const [part, ...more] = await assemble(script, { gtid: `${uuid}:1-4` });
    expect(more).toEqual([]);
    expect(part).toMatchObject({
      type: 'transaction',
      xid: `${uuid}:5`,
      commit: position(`${uuid}:1-5`, 'binlog.000001', 4),
      position: position(`${uuid}:1-5`, 'binlog.000001', 704),
      committedAt: new Date(5_000),
      first: true,
      last: true,
      messages: 3,
    });
    expect(ids(part)).toEqual(['t1', 't2', 'u3']);
    expect(parts([part as never])[0]?.changes.map((change) => change.messagesBefore)).toEqual([
      0, 1, 2,
    ]);
  });

  test('with a tagged GTID is named by it', async () => {
    const script = new LogScript().gtid(1, 'app').begin().rows('t', 1).xid();
    const [part] = await assemble(script, { gtid: `${uuid}:1-4` });
    expect(part).toMatchObject({
      xid: `${uuid}:app:1`,
      position: { gtid: `${uuid}:1-4:app:1` },
    });
  });

  test.each([
    ['ANONYMOUS_GTID', (script: LogScript) => script.anonymous().begin()],
    ['BEGIN (MySQL 5.6)', (script: LogScript) => script.begin()],
  ])('of a server without GTIDs begins with %s, and is named by where', async (_, begin) => {
    const script = begin(new LogScript('binlog.000007', 120)).rows('t', 1).xid();
    const [part] = await assemble(script, { gtid: null });
    expect(part).toMatchObject({
      xid: 'binlog.000007:120',
      commit: position(null, 'binlog.000007', 120),
      position: position(null, 'binlog.000007', script.offset),
      committedAt: new Date(1_000_000),
    });
  });

  test('of MariaDB has no BEGIN, and only the last GTID of its domain is done', async () => {
    const script = new LogScript().mariadb('0-1-8').rows('t', 1).xid();
    script.mariadb('1-2-3').rows('t', 2).query('COMMIT');
    const [one, two] = await assemble(script, { flavour: 'mariadb', gtid: '0-1-7' });
    expect(one).toMatchObject({ xid: '0-1-8', position: { gtid: '0-1-8' } });
    expect(two).toMatchObject({ xid: '1-2-3', position: { gtid: '0-1-8,1-2-3' } });
  });

  test('of tables without transactions ends with COMMIT', async () => {
    const script = new LogScript().gtid(1).begin().rows('m', 1).query('COMMIT');
    expect(ids((await assemble(script))[0])).toEqual(['m1']);
  });

  test('of tables that are not of the sync moves the position, and its rows count', async () => {
    const script = new LogScript().gtid(1).begin().rows('o', 1).xid();
    expect(await assemble(script)).toEqual([
      { type: 'heartbeat', position: position(`${uuid}:1`, 'binlog.000001', 504) },
    ]);
    const mixed = new LogScript().gtid(1).begin().rows('o', 1, 2).rows('t', 3).xid();
    expect(parts(await assemble(mixed))).toMatchObject([
      { messages: 3, changes: [{ messagesBefore: 2 }] },
    ]);
  });

  test('may have the empty row event that ends a statement', async () => {
    const script = new LogScript().gtid(1).begin();
    script.rows('t', 1).add({
      type: 'rows',
      op: 'insert',
      tableId: 0xff_ffff,
      endOfStatement: true,
      columnCount: 0,
      before: null,
      after: null,
      partialJson: false,
      rows: Buffer.alloc(0),
    });
    expect(ids((await assemble(script.xid()))[0])).toEqual(['t1']);
  });

  test('has table maps of its own: those of another are not used', async () => {
    const script = new LogScript().gtid(1).begin().rows('t', 1).xid().gtid(2).begin();
    script.events.push(...new LogScript('binlog.000001', 804).rows('t', 2).events.slice(1));
    await expect(assemble(script)).rejects.toThrow(/rows without a table map/);
  });
});

describe('a large group', () => {
  test('arrives in parts, with the place where it begins until the last', async () => {
    const script = new LogScript().gtid(1).begin();
    script.rows('t', ...numbers(0, 2_001)).xid();
    const found = parts(await assemble(script));
    expect(
      found.map(({ first, last, messages, changes, position: at }) => [
        first,
        last,
        messages,
        changes.length,
        at,
      ]),
    ).toEqual([
      [true, false, 1_000, 1_000, position(`${uuid}:1`)],
      [false, false, 2_000, 1_000, position(`${uuid}:1`)],
      [false, true, 2_001, 1, position(`${uuid}:1`, 'binlog.000001', 504)],
    ]);
    expect(found.every(({ xid }) => xid === `${uuid}:1`)).toBe(true);
  });

  test('of exactly one full part is not split', async () => {
    const script = new LogScript().gtid(1).begin();
    script.rows('t', ...numbers(0, 1_000)).xid();
    expect(parts(await assemble(script))).toHaveLength(1);
  });

  test('is split by bytes of log, too; rows of other tables count as done', async () => {
    const long = 'x'.repeat(300 * 1024);
    const script = new LogScript().gtid(1).begin();
    script.rows('t', long).rows('t', long).rows('o', 1, 2).rows('t', 3).xid();
    const found = parts(await assemble(script));
    expect(found.map(({ messages, changes }) => [messages, changes.length])).toEqual([
      [4, 2],
      [5, 1],
    ]);
  });
});

describe('a statement that is a group by itself', () => {
  test('changes tables: first what changes, then the position', async () => {
    const tables = new ScriptedTables();
    const script = new LogScript().gtid(1).query('ALTER TABLE t');
    const end = position(`${uuid}:1`, 'binlog.000001', 204);
    expect(await assemble(script, { tables })).toEqual([
      { type: 'catalog', events: [expect.objectContaining({ kind: 'redump', tableId: 't' })] },
      { type: 'heartbeat', position: end },
    ]);
    expect(tables.applied).toEqual([{ kind: 'alter', place: end }]);
  });

  test('truncates: a transaction', async () => {
    const script = new LogScript().mariadb('0-1-1', true).query('TRUNCATE TABLE t');
    const [part] = await assemble(script, { flavour: 'mariadb' });
    expect(ids(part)).toEqual(['truncate']);
    expect(part).toMatchObject({ xid: '0-1-1', first: true, last: true, messages: 0 });
  });

  test('means nothing: the position moves, with GTIDs and without', async () => {
    const script = new LogScript().gtid(1).query('CREATE USER u');
    expect(await assemble(script)).toEqual([
      { type: 'heartbeat', position: position(`${uuid}:1`, 'binlog.000001', 204) },
    ]);
    expect(await assemble(new LogScript().query('CREATE USER u'), { gtid: null })).toEqual([
      { type: 'heartbeat', position: position(null, 'binlog.000001', 104) },
    ]);
  });
});

test('CREATE TABLE … SELECT in one group: the table joins, then come its rows', async () => {
  const script = new LogScript().gtid(1).begin().query('CREATE TABLE c').rows('c', 1).xid();
  const [joined, part, ...more] = await assemble(script);
  expect(joined).toMatchObject({ type: 'catalog', events: [{ tableId: 'c' }] });
  expect(ids(part)).toEqual(['c1']);
  expect(more).toEqual([]);
});

describe('what the log cannot be followed past', () => {
  test.each([
    ['a table map', (script: LogScript) => script.rows('t', 1)],
    ['COMMIT', (script: LogScript) => script.query('COMMIT')],
    ['XID', (script: LogScript) => script.xid()],
    ['ROLLBACK', (script: LogScript) => script.query('ROLLBACK')],
    ['SAVEPOINT', (script: LogScript) => script.query('SAVEPOINT a')],
  ])('a start in the middle of a transaction: %s comes first', async (_, write) => {
    await expect(assemble(write(new LogScript()))).rejects.toThrow(code('source_replaced'));
    const later = new LogScript().gtid(1).begin().xid();
    await expect(assemble(write(later))).rejects.toThrow(code('unsupported_event'));
  });

  test('a transaction within another', async () => {
    const script = new LogScript().gtid(1).begin().gtid(2);
    await expect(assemble(script)).rejects.toThrow(/out of order/);
    await expect(assemble(new LogScript().gtid(1).begin().begin())).rejects.toThrow(/BEGIN/);
  });

  test('changes that are logged as a statement: the verb is named, nothing else', async () => {
    const script = new LogScript().gtid(1).begin();
    script.add({ type: 'notice', what: 'statement_context' });
    script.query(`INSERT INTO t VALUES ('secret')`, 'other');
    const error = await assemble(script).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({
      code: 'unsupported_event',
      message: expect.stringMatching(/an INSERT in the database other as a statement/),
      remedy: expect.stringMatching(/^SET GLOBAL binlog_format = ROW;/),
    });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('DELETE FROM t is a change like others within a transaction, and the server outside of one', async () => {
    const script = new LogScript().gtid(1).begin().query('DELETE FROM t');
    await expect(assemble(script)).rejects.toThrow(/a DELETE in the database db as a statement/);
    for (const start of [new LogScript(), new LogScript().gtid(1)]) {
      const messages = await assemble(
        start.query('DELETE FROM t').gtid(2).begin().rows('t', 1).xid(),
      );
      expect(parts(messages).map((part) => ids(part))).toEqual([['t1']]);
    }
  });

  test.each([
    [`/* x */ -- y\n FROBNICATE TABLE t SET 'secret'`, /holds a statement FROBNICATE in the/],
    [`'secret'`, /holds a statement in the database db that/],
  ])('an unknown statement: %s', async (sql, message) => {
    const error = await assemble(new LogScript().gtid(1).query(sql)).catch(
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({
      code: 'unsupported_event',
      message: expect.stringMatching(message),
    });
    expect(String(error)).not.toContain('secret');
  });

  test('an incident', async () => {
    const script = new LogScript().add({ type: 'incident', code: 1, message: 'LOST_EVENTS' });
    await expect(assemble(script)).rejects.toThrow(code('binlog_incident'));
  });
});

describe('the end of the log', () => {
  test('is a heartbeat, when no group is open', async () => {
    const script = new LogScript().gtid(1).heartbeat().begin().heartbeat().rows('t', 1).xid();
    const found = await assemble(script.heartbeat());
    expect(found.map(({ type }) => type)).toEqual(['transaction', 'heartbeat']);
    expect(found[1]).toEqual({
      type: 'heartbeat',
      position: position(`${uuid}:1`, 'binlog.000001', script.offset),
    });
  });

  test('a new file moves the position, once', async () => {
    const script = new LogScript().rotate();
    expect(await assemble(script)).toEqual([
      { type: 'heartbeat', position: position('', 'binlog.000002', 4) },
    ]);
  });

  test('places before the checkpoint are no progress, on the server that it is of', async () => {
    const script = new LogScript('binlog.000001', 4).heartbeat();
    const from = { position: position(`${uuid}:1-9`, 'binlog.000002', 4), partial: null };
    const target = assembler({
      from: { ...from, identity: { server: '00000000-0000-0000-0000-000000000001' } },
    });
    expect(await assemble(script, target)).toEqual([]);
    const other = assembler({ from: { ...from, identity: { server: 'another' } } });
    expect(await assemble(script, other)).toHaveLength(1);
  });
});

test('tables that cascades may have changed are told before the part, with a place behind it', async () => {
  const tables = new ScriptedTables();
  tables.cascading.push({ kind: 'redump', tableId: 'u', table: 'db.u', reason: 'cascade' });
  const script = new LogScript().gtid(1).begin();
  script.rows('t', ...numbers(0, 1_001)).xid();
  const found = await assemble(script, { tables });
  expect(found.map(({ type }) => type)).toEqual(['catalog', 'transaction', 'transaction']);
  expect(tables.cascadePlaces).toEqual([
    position(`${uuid}:1`, 'binlog.000001', 404),
    position(`${uuid}:1`, 'binlog.000001', 504),
  ]);
});

test('tables are asked once more at the end of a group without a part', async () => {
  const tables = new ScriptedTables();
  tables.cascading.push({ kind: 'redump', tableId: 'u', table: 'db.u', reason: 'unreadable' });
  const script = new LogScript().gtid(1).begin().rows('o', 1).xid();
  const found = await assemble(script, { tables });
  expect(found.map(({ type }) => type)).toEqual(['catalog', 'heartbeat']);
  expect(tables.cascadePlaces).toEqual([position(`${uuid}:1`, 'binlog.000001', 504)]);
});
