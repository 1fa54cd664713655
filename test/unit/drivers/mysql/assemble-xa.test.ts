/** XA: rows that come before their outcome. */
import { describe, expect, test } from 'vitest';
import type { StreamMessage, TransactionPart } from '../../../../src/replication/change.ts';
import {
  assemble,
  assembler,
  ids,
  LogScript,
  numbers,
  parts,
  position,
  relation,
  ScriptedStaging,
  ScriptedTables,
  uuid,
} from './log-script.ts';

const x = `X'61',X'',1`;

const prepared = (script: LogScript, gno: number, ...rows: number[]) =>
  script
    .gtid(gno)
    .query(`XA START ${x}`)
    .rows('t', ...rows)
    .xaPrepare(x);

/** What each message is, in short. */
const shorts = (messages: readonly StreamMessage[]) =>
  messages.map((message) => {
    if (message.type !== 'transaction') return message.type;
    const { staging, changes, last } = message;
    return [staging?.op ?? 'rows', changes.length, last ? 'last' : 'more'].join(' ');
  });

/** As after a restart: what is in memory of the assembler is gone. */
async function assembleAnew(script: LogScript, from: number, options = {}) {
  const staging = new ScriptedStaging();
  const before = new LogScript();
  before.events.push(...script.events.slice(0, from));
  const after = new LogScript();
  after.events.push(...script.events.slice(from));
  await assemble(before, options, staging);
  const { position: gtid } = parts(await assemble(before, options)).at(-1) as TransactionPart;
  const resumed = { ...options, gtid: (gtid as { gtid: string }).gtid };
  return { messages: await assemble(after, resumed, staging), staging };
}

describe('a prepared transaction', () => {
  test('is staged with the position that passes it, and handed out at its XA COMMIT', async () => {
    const script = prepared(new LogScript(), 1, 1, 2).gtid(2).begin().rows('u', 3).xid();
    script.gtid(3).query(`XA COMMIT ${x}`).heartbeat();
    const messages = await assemble(script);
    expect(shorts(messages)).toEqual(['put 0 last', 'rows 1 last', 'release 2 last', 'heartbeat']);
    expect(messages[0]).toMatchObject({
      xid: `${uuid}:1`,
      first: true,
      messages: 2,
      position: { gtid: `${uuid}:1` },
      staging: { op: 'put', id: x, pieces: [{ index: 0, messagesBefore: 0 }] },
    });
    expect(ids(messages[2])).toEqual(['t1', 't2']);
    expect(messages[2]).toMatchObject({
      xid: `${uuid}:3`,
      commit: { gtid: `${uuid}:1-3`, offset: 1_104 },
      messages: 2,
      changes: [{ messagesBefore: 0 }, { messagesBefore: 1 }],
      staging: { op: 'release', id: x },
    });
  });

  test('of MariaDB is named by its GTID event', async () => {
    const script = new LogScript().mariadb('0-1-1', false, { step: 'prepare', xid: x });
    script.rows('t', 1).xaPrepare(x);
    script.mariadb('0-1-2', true, { step: 'complete', xid: x }).query(`XA COMMIT ${x}`);
    const messages = await assemble(script, { flavour: 'mariadb' });
    expect(shorts(messages)).toEqual(['put 0 last', 'release 1 last']);
    expect(messages[1]).toMatchObject({ xid: '0-1-2' });
  });

  test('is read back after a restart, byte for byte what it was', async () => {
    const script = prepared(new LogScript(), 1, 1, 2).gtid(2).query(`XA COMMIT ${x}`);
    const tables = new ScriptedTables();
    const whole = await assemble(script, { tables });
    const { messages, staging } = await assembleAnew(script, 6, { tables });
    expect(messages).toEqual(whole.slice(1));
    expect(staging.undecided).toEqual([]);
  });

  test('is read back when more were prepared than are kept', async () => {
    const big = 'x'.repeat(400 * 1024);
    const script = new LogScript();
    for (const gno of numbers(1, 30)) {
      script.gtid(gno).query(`XA START ${gno}`).rows('t', gno, big).xaPrepare(`${gno}`);
    }
    for (const gno of numbers(1, 30)) script.gtid(30 + gno).query(`XA COMMIT ${gno}`);
    const messages = await assemble(script);
    expect(messages.slice(30).map((message) => ids(message)[0])).toEqual(
      numbers(1, 30).map((gno) => `t${gno}`),
    );
  });

  test('that is rolled back is forgotten', async () => {
    const script = prepared(new LogScript(), 1, 1).gtid(2).query(`XA ROLLBACK ${x}`);
    expect(shorts(await assemble(script))).toEqual(['put 0 last', 'release 0 last']);
    const { messages } = await assembleAnew(script, 6);
    expect(shorts(messages)).toEqual(['release 0 last']);
  });

  test('of other tables is staged as well, so that its commit is known', async () => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`).rows('o', 1).xaPrepare(x);
    script.gtid(2).query(`XA COMMIT ${x}`);
    const { messages } = await assembleAnew(script, 6);
    expect(shorts(messages)).toEqual(['release 0 last']);
    expect(messages[0]).toMatchObject({ messages: 1 });
  });

  test('that is not known is committed with a dump of the tables, and rolled back with nothing', async () => {
    const commit = new LogScript()
      .gtid(1)
      .query(`XA COMMIT ${x}`)
      .gtid(2)
      .begin()
      .rows('t', 1)
      .xid();
    const [told, ...more] = await assemble(commit);
    expect(told).toMatchObject({ type: 'catalog', events: [{ kind: 'redump', reason: x }] });
    expect(shorts(more.slice(0, 1))).toEqual(['release 0 last']);
    expect(more[0]).toMatchObject({ position: { gtid: `${uuid}:1` } });
    expect(ids(more[1])).toEqual(['t1']);
    const rollBack = new LogScript().gtid(1).query(`XA ROLLBACK ${x}`);
    expect(shorts(await assemble(rollBack))).toEqual(['release 0 last']);
  });

  test('with savepoints', async () => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`).rows('t', 1);
    script.query('SAVEPOINT a').rows('t', 2).query('ROLLBACK TO a').rows('t', 3).xaPrepare(x);
    script.gtid(2).query(`XA COMMIT ${x}`);
    for (const messages of [
      (await assemble(script)).slice(1),
      (await assembleAnew(script, 12)).messages,
    ]) {
      expect(ids(messages[0])).toEqual(['t1', 't3']);
      expect(messages[0]).toMatchObject({ messages: 3 });
    }
  });

  test('asks for dumps of what cascades have changed once more when it is committed', async () => {
    const tables = new ScriptedTables();
    const redump = { kind: 'redump', tableId: 'u', table: 'db.u', reason: 'cascade' } as const;
    tables.cascading.push(redump);
    const script = prepared(new LogScript(), 1, 1);
    const target = assembler({ tables, staged: new ScriptedStaging() });
    expect(shorts(await assemble(script, target))).toEqual(['catalog', 'put 0 last']);
    const commit = new LogScript('binlog.000001', script.offset).gtid(2).query(`XA COMMIT ${x}`);
    const messages = await assemble(commit, target);
    expect(shorts(messages)).toEqual(['catalog', 'release 1 last']);
    expect(messages[0]).toMatchObject({ events: [redump] });
  });

  test('that is done already is nothing, nor is its outcome', async () => {
    const script = prepared(new LogScript(), 1, 1).gtid(2).query(`XA COMMIT ${x}`);
    prepared(script, 3, 5).gtid(4).query(`XA ROLLBACK ${x}`);
    expect(await assemble(script, { gtid: `${uuid}:1-4` })).toEqual([]);
  });

  test('under a name that is not decided replaces it, also when it is large', async () => {
    const script = prepared(new LogScript(), 1, 1).gtid(2).query(`XA START ${x}`);
    script
      .rows('t', 'x'.repeat(600 * 1024))
      .rows('t', 2)
      .xaPrepare(x)
      .gtid(3);
    const messages = await assemble(script.query(`XA COMMIT ${x}`));
    expect(messages.slice(3).flatMap(ids).slice(1)).toEqual(['t2']);
  });

  test('under a name that was used before replaces it', async () => {
    const script = prepared(new LogScript(), 1, ...numbers(1, 500));
    prepared(script.gtid(2).query(`XA COMMIT ${x}`), 3, 7)
      .gtid(4)
      .query(`XA COMMIT ${x}`);
    const messages = await assemble(script);
    expect(ids(messages[3])).toEqual(['t7']);
    const { messages: anew } = await assembleAnew(script, script.events.length - 2);
    expect(anew.map(ids)).toEqual([['t7']]);
  });
});

describe('ONE PHASE', () => {
  const onePhase = (...rows: (number | string)[]) =>
    new LogScript()
      .gtid(1)
      .query(`XA START ${x}`)
      .rows('t', ...rows)
      .xaPrepare(x, true);

  test('is a transaction like any other, and nothing is staged', async () => {
    const [part, ...more] = await assemble(onePhase(1, 2));
    expect(more).toEqual([]);
    expect(ids(part)).toEqual(['t1', 't2']);
    expect(part).toMatchObject({ xid: `${uuid}:1`, messages: 2, last: true });
    expect(part).not.toHaveProperty('staging');
  });

  const long = (name: string) => name.repeat(300 * 1024);

  function large(): LogScript {
    const script = new LogScript().gtid(1).query(`XA START ${x}`);
    for (const name of ['a', 'b', 'c', 'd', 'e']) script.rows('t', long(name));
    return script.xaPrepare(x, true);
  }

  test('of much: what was staged, while it was not known, is read back and forgotten', async () => {
    const staging = new ScriptedStaging();
    const messages = await assemble(large(), {}, staging);
    expect(shorts(messages)).toEqual([
      'put 0 last',
      'put 0 last',
      'put 0 last',
      'rows 2 more',
      'rows 2 more',
      'release 1 last',
    ]);
    // The position stays before the transaction until its rows come.
    expect(parts(messages).map(({ position: at, messages: count }) => [at, count])).toEqual([
      ...Array.from({ length: 3 }, () => [position(''), 0]),
      [position(`${uuid}:1`), 2],
      [position(`${uuid}:1`), 4],
      [position(`${uuid}:1`, 'binlog.000001', 1_404), 5],
    ]);
    expect(messages.slice(3).flatMap(ids)).toHaveLength(5);
    expect(staging.undecided).toEqual([]);
  });

  test('of much, half applied: it goes on, with nothing to stage', async () => {
    const partial = { commit: position(`${uuid}:1`), messages: 2 };
    const messages = await assemble(large(), { partial });
    expect(shorts(messages)).toEqual(['rows 2 more', 'release 1 last']);
    expect(parts(messages).map(({ messages: count, first }) => [count, first])).toEqual([
      [4, false],
      [5, false],
    ]);
  });

  test('rows and position of much that is prepared: pieces, with the position at the end', async () => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`);
    for (const name of ['a', 'b', 'c']) script.rows('t', long(name), long('é'));
    script.xaPrepare(x).gtid(2).query(`XA COMMIT ${x}`);
    const messages = await assemble(script);
    expect(shorts(messages).slice(0, 4)).toEqual([
      'put 0 last',
      'put 0 last',
      'put 0 last',
      'put 0 last',
    ]);
    expect(parts(messages)[2]).toMatchObject({ position: { gtid: '' } });
    expect(parts(messages)[3]).toMatchObject({ position: { gtid: `${uuid}:1` }, messages: 6 });
    for (const { staging } of parts(messages)) {
      if (staging?.op !== 'put') continue;
      for (const { data } of staging.pieces) expect(Buffer.byteLength(data)).toBeLessThan(262_144);
    }
    expect(messages.slice(4).flatMap(ids)).toHaveLength(6);
    expect(parts(messages).at(-1)).toMatchObject({ messages: 6, staging: { op: 'release' } });
  });
});

describe('XA that goes another way', () => {
  test('XA ROLLBACK or ROLLBACK within its group: nothing of it happened', async () => {
    for (const end of [`XA ROLLBACK ${x}`, 'ROLLBACK']) {
      const script = new LogScript().gtid(1).query(`XA START ${x}`).rows('t', 1);
      script.query(`XA END ${x}`).query(end).gtid(2).begin().rows('t', 2).xid();
      expect(shorts(await assemble(script))).toEqual(['heartbeat', 'rows 1 last']);
    }
  });

  test('a crash of the server within its group: what was staged is forgotten', async () => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`).rows('t', 1);
    expect(await assemble(script.rotate())).toEqual([]);
    const spilled = new LogScript().gtid(1).query(`XA START ${x}`);
    spilled.rows('t', 'x'.repeat(600 * 1024)).rotate();
    const staging = new ScriptedStaging();
    expect(shorts(await assemble(spilled, {}, staging))).toEqual(['put 0 last', 'release 0 last']);
    expect(staging.undecided).toEqual([]);
  });

  test('rows of a table without transactions stand whatever comes: it is dumped again', async () => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`).rows('m', 1).rows('t', 2);
    script.xaPrepare(x).gtid(2).query(`XA ROLLBACK ${x}`);
    const messages = await assemble(script);
    expect(messages[0]).toMatchObject({ type: 'catalog', events: [{ tableId: 'm' }] });
    expect(shorts(messages.slice(1))).toEqual(['put 0 last', 'release 0 last']);
  });

  test.each([
    ['COMMIT', (script: LogScript) => script.query('COMMIT')],
    ['XA START', (script: LogScript) => script.query(`XA START ${x}`)],
    ['BEGIN', (script: LogScript) => script.begin()],
    ['XA PREPARE as a statement', (script: LogScript) => script.query(`XA PREPARE ${x}`)],
  ])('out of order: %s', async (_, write) => {
    const script = new LogScript().gtid(1).query(`XA START ${x}`);
    await expect(assemble(write(script))).rejects.toThrow(/out of order/);
  });

  test.each([
    ['XA END', (script: LogScript) => script.query(`XA END ${x}`)],
    ['XA PREPARE', (script: LogScript) => script.xaPrepare(x)],
  ])('a start in the middle: %s', async (_, write) => {
    await expect(assemble(write(new LogScript()))).rejects.toMatchObject({
      code: 'source_replaced',
    });
  });
});

describe('a configuration that has changed between XA PREPARE and XA COMMIT', () => {
  const script = () => {
    const both = new LogScript().gtid(1).query(`XA START ${x}`).rows('t', 1).rows('o', 2);
    return both.rows('u', 3).rows('o', 4).xaPrepare(x).gtid(2).query(`XA COMMIT ${x}`);
  };

  async function commitWith(relations: ScriptedTables['relations']) {
    const staging = new ScriptedStaging();
    const [before, after] = [new LogScript(), new LogScript()];
    before.events.push(...script().events.slice(0, 12));
    after.events.push(...script().events.slice(12));
    await assemble(before, {}, staging);
    const tables = new ScriptedTables();
    tables.relations.clear();
    for (const [name, bound] of relations) tables.relations.set(name, bound);
    return assemble(after, assembler({ gtid: `${uuid}:1`, tables, staged: staging }));
  }

  test('a table that is not of the sync any more is nothing', async () => {
    const [part, ...more] = await commitWith(new Map([['u', relation('u')]]));
    expect(more).toEqual([]);
    expect(ids(part)).toEqual(['u3']);
    expect(part).toMatchObject({ messages: 4, changes: [{ messagesBefore: 2 }] });
  });

  test('a table that has joined, or has other columns, is dumped again, once', async () => {
    const other = relation('t', { signature: 't 2' });
    const relations = new Map([
      ['t', other],
      ['o', relation('o')],
    ]);
    const messages = await commitWith(relations);
    expect(messages.map(({ type }) => type)).toEqual(['catalog', 'catalog', 'transaction']);
    expect(messages.slice(0, 2)).toMatchObject([
      { events: [{ kind: 'redump', tableId: 't' }] },
      { events: [{ kind: 'redump', tableId: 'o' }] },
    ]);
    expect(messages[2]).toMatchObject({ changes: [], staging: { op: 'release' } });
  });
});
