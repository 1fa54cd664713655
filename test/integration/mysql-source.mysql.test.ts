/** What the driver asks of a server and of its tables, and what it says when that is missing. */
import { expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import { streamBinlog } from '../../src/drivers/mysql/stream.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import {
  collect,
  createAccount,
  mysqlOptions,
  openMysqlDriver,
  replicationGrants,
} from '../support/mysql-driver.ts';
import type { SharedMysql } from '../support/mysql-global-setup.ts';
import { describeMysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;
const all: readonly SharedMysql[] = ['mysql', 'mariadb', 'mysql56'];

async function findings(options: MysqlDriverOptions) {
  await using driver = openMysqlDriver(options);
  return await driver.check(signal);
}

describeMysql(all, (server, flavour) => {
  test('check and prepare agree on every missing privilege, and its statement mends it', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE t (id INT PRIMARY KEY)');
    const account = await createAccount(database, 'p', []);
    const options = mysqlOptions(database, account);
    const remedies: string[] = [];
    const mended = async (): Promise<boolean> => {
      const failure = (await findings(options)).find(({ level }) => level === 'failure');
      if (failure === undefined) return true;
      await using driver = openMysqlDriver(options);
      await expect(driver.prepare(null, signal)).rejects.toMatchObject({ remedy: failure.remedy });
      const statement = /GRANT [^;]*;/.exec(failure.remedy)?.[0] ?? failure.remedy;
      remedies.push(statement);
      await database.query(statement);
      return false;
    };
    for (let step = 0; step < 6 && !(await mended()); step += 1);
    expect(remedies.join('\n')).toMatch(/REPLICATION SLAVE/);
    expect(remedies.join('\n')).toMatch(/SELECT ON/);
    await using driver = openMysqlDriver(options);
    await driver.prepare(null, signal);
  });

  test('without REPLICATION SLAVE the log cannot be read', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE t (id INT PRIMARY KEY)');
    const grants = ['REPLICATION CLIENT, RELOAD ON *.*', `SELECT ON ${database.name}.*`];
    const options = mysqlOptions(database, await createAccount(database, 'c', grants));
    const failure = (await findings(options)).find(({ level }) => level === 'failure');
    expect(failure).toMatchObject({ subject: 'replication slave' });
    expect(failure?.message).toMatch(/REPLICATION SLAVE/);
  });

  test('a column that may not be read is found before the dump', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE t (id INT PRIMARY KEY, secret INT)');
    const grants = [...replicationGrants, 'RELOAD ON *.*', `SELECT (id) ON ${database.name}.t`];
    const account = await createAccount(database, 's', grants);
    const seen = await findings(mysqlOptions(database, account));
    const failure = seen.find(({ level }) => level === 'failure');
    expect(failure?.remedy).toMatch(/^GRANT SELECT ON `[^`]+`\.`t` TO /);
  });

  test('a wrong password, a wrong database and no tables', async () => {
    await using database = await createMysqlDatabase(server());
    const first = async (changes: Partial<MysqlDriverOptions>) => {
      await using driver = openMysqlDriver(mysqlOptions(database, changes));
      return await driver.prepare(null, signal).catch((error) => error.code);
    };
    expect(await first({ password: 'wrong' })).toBe('source_auth_failed');
    expect(await first({ databases: ['nosuch_database'] })).toBe('database_missing');
    expect(await first({})).toBe('no_tables');
    expect(await first({ port: 1 })).toBe('source_unavailable');
  });

  test('tables that cannot be replicated are left out, with what mends it', async () => {
    await using database = await createMysqlDatabase(server());
    const { name } = database;
    await database.query('CREATE TABLE good (id INT PRIMARY KEY)');
    await database.query('CREATE TABLE nokey (id INT)');
    await database.query('CREATE TABLE mem (id INT PRIMARY KEY) ENGINE = MEMORY');
    await database.query('CREATE TABLE bh (id INT PRIMARY KEY) ENGINE = BLACKHOLE').catch(() => {});
    await database.query('CREATE VIEW v AS SELECT 1 AS one');
    await database.query('CREATE TABLE byname (a INT NOT NULL, b INT NOT NULL, UNIQUE (b, a))');
    await database.query('CREATE TABLE nullable (a INT, UNIQUE (a))');
    await database.query('CREATE TABLE prefixed (a VARCHAR(20) NOT NULL, UNIQUE (a(5)))');
    if (flavour === 'mariadb') await database.query('CREATE SEQUENCE seq');
    const keyColumns = {
      [`${name}.byname`]: ['a', 'b'],
      [`${name}.nullable`]: ['a'],
      [`${name}.prefixed`]: ['a'],
    };
    await using driver = openMysqlDriver(mysqlOptions(database, { keyColumns }));
    const { tables, excluded } = await driver.prepare(null, signal);
    expect(tables.map(({ relation }) => relation.table).sort()).toEqual(['byname', 'good']);
    const key = tables.find(({ relation }) => relation.table === 'byname')?.relation;
    expect(key?.key).toEqual([0, 1]);
    const codes = new Map(
      excluded.map(({ table, warning }) => [table.split('.')[1], warning.code]),
    );
    expect(codes.get('nokey')).toBe('no_key');
    expect(codes.get('nullable')).toBe('no_key');
    expect(codes.get('prefixed')).toBe('no_key');
    expect(codes.get('mem')).toBe('table_unsupported');
    expect(codes.has('v')).toBe(false);
    if (flavour === 'mariadb') expect(codes.get('seq')).toBe('table_unsupported');
    for (const { warning } of excluded) expect(warning.remedy).not.toBe('');
  });

  test('an excluded key column is refused, other excluded columns are not read', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE t (id INT PRIMARY KEY, secret INT, n INT)');
    await database.query('INSERT INTO t VALUES (1, 2, 3)');
    const without = (column: string) =>
      mysqlOptions(database, { excludesColumn: (_schema, _table, name) => name === column });
    await using refused = openMysqlDriver(without('id'));
    await expect(refused.prepare(null, signal)).rejects.toMatchObject({
      code: 'key_column_excluded',
    });
    await using driver = openMysqlDriver(without('secret'));
    await driver.prepare(null, signal);
    const rows = await collect(await driver.dump(signal));
    expect(rows.get('t')?.get('1')).toBe('{"id":1,"n":3}');
  });

  test('foreign keys that cascade: refused, unless the user lets the table be dumped again', async () => {
    await using database = await createMysqlDatabase(server());
    const { name } = database;
    await database.query('CREATE TABLE p (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query(
      'CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) ENGINE = InnoDB',
    );
    const variables = await database.query(
      "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'",
    );
    const logged = variables[0]?.Value === 'OFF';
    // Who may only SELECT sees them too.
    const grants = [...replicationGrants, 'RELOAD ON *.*', `SELECT ON ${name}.*`];
    const account = await createAccount(database, 'f', grants);
    await using driver = openMysqlDriver(mysqlOptions(database, account));
    const { tables, excluded } = await driver.prepare(null, signal);
    expect(tables.map(({ relation }) => relation.table)).toEqual(logged ? ['c', 'p'] : ['p']);
    expect(excluded.map(({ warning }) => warning.code)).toEqual(
      logged ? [] : ['fk_cascade_not_logged'],
    );
    const redump = { ...account, onUnloggedCascade: 'redump' } as const;
    await using other = openMysqlDriver(mysqlOptions(database, redump));
    expect((await other.prepare(null, signal)).excluded).toEqual([]);
  });

  test('names with every special character', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query(
      'CREATE TABLE `we``ird "ta.ble ä` (`i``d x` INT PRIMARY KEY, `ü"q` VARCHAR(9) CHARACTER SET utf8mb4)',
    );
    await database.query("INSERT INTO `we``ird \"ta.ble ä` VALUES (1, 'é')");
    await using driver = openMysqlDriver(mysqlOptions(database));
    await driver.prepare(null, signal);
    const rows = await collect(await driver.dump(signal));
    expect(rows.get('we`ird "ta.ble ä')?.get('1')).toBe('{"i`d x":1,"ü\\"q":"é"}');
  });

  test('keys: composite, text, binary, bits', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query(
      'CREATE TABLE t (a VARCHAR(9) CHARACTER SET utf8mb4, b BINARY(3), c BIT(9), d DATETIME(1), PRIMARY KEY (c, b, a, d))',
    );
    await database.query(
      "INSERT INTO t VALUES ('a/b', x'00FF', b'100000001', '2020-01-01 10:00:00.5')",
    );
    await using driver = openMysqlDriver(mysqlOptions(database));
    await driver.prepare(null, signal);
    const rows = await collect(await driver.dump(signal));
    expect([...(rows.get('t')?.keys() ?? [])]).toEqual(['257/00ff00/a/b/2020-01-01T10:00:00.5']);
  });

  test('a MyISAM table is read under a lock that ends with it', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE m (id INT PRIMARY KEY, n INT) ENGINE = MyISAM');
    await database.query('CREATE TABLE i (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query('INSERT INTO m VALUES (1, 1), (2, 2)');
    await using driver = openMysqlDriver(mysqlOptions(database));
    await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    const writer = await database.connect();
    let written = false;
    const insert = writer.query('INSERT INTO m VALUES (3, 3)').then(() => {
      written = true;
    });
    await until(
      async () => {
        const rows = await database.query('SHOW FULL PROCESSLIST');
        return rows.some(
          ({ Info, State }) => /INTO m/.test(Info ?? '') && /lock/i.test(State ?? ''),
        );
      },
      { what: 'the writer waits for the lock' },
    );
    expect(written).toBe(false);
    const rows = await collect(dump);
    expect([...(rows.get('m')?.keys() ?? [])].sort()).toEqual(['1', '2']);
    await insert;
  });

  test('a table that is altered after the snapshot says so, the others are read', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE a (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query('CREATE TABLE b (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query('INSERT INTO a VALUES (1)');
    await database.query('INSERT INTO b VALUES (1)');
    await using driver = openMysqlDriver(mysqlOptions(database, { parallel: 1 }));
    await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    await database.query('TRUNCATE b');
    const replaced: string[] = [];
    let rows = 0;
    for await (const chunk of dump.chunks) {
      if (chunk.replaced) replaced.push(chunk.relation.table);
      rows += chunk.rows.length;
    }
    expect(replaced).toEqual(['b']);
    expect(rows).toBe(1);
  });

  test('a slow reader stops the server, not the memory', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query(
      'CREATE TABLE big (id INT PRIMARY KEY, pad VARCHAR(1000)) ENGINE = InnoDB',
    );
    const rows = Array.from({ length: 1000 }, (_, id) => `(${id}, REPEAT('x', 1000))`);
    await database.query(`INSERT INTO big VALUES ${rows.join(',')}`);
    for (let copy = 0; copy < 5; copy += 1) {
      await database.query(`INSERT INTO big SELECT id + ${1000 * 2 ** copy}, pad FROM big`);
    }
    await using driver = openMysqlDriver(mysqlOptions(database, { parallel: 1 }));
    await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    const before = process.memoryUsage().rss;
    const iterator = dump.chunks[Symbol.asyncIterator]();
    await iterator.next();
    await until(
      async () => {
        const list = await database.query('SHOW FULL PROCESSLIST');
        return list.some(
          ({ Info, State }) =>
            /FROM.*big/.test(Info ?? '') && /to client|Writing to net|Sending/i.test(State ?? ''),
        );
      },
      { what: 'the server waits for the reader' },
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    await iterator.return?.();
  });

  test('a table that is read already may be altered while the others are read', async () => {
    await using database = await createMysqlDatabase(server());
    for (const name of ['a', 'b']) {
      await database.query(`CREATE TABLE ${name} (id INT PRIMARY KEY, n INT) ENGINE = InnoDB`);
      await database.query(`INSERT INTO ${name} VALUES (1, 1)`);
    }
    await using driver = openMysqlDriver(mysqlOptions(database, { parallel: 1 }));
    await driver.prepare(null, signal);
    const chunks = (await driver.dump(signal)).chunks[Symbol.asyncIterator]();
    const seen: string[] = [];
    for (let table = ''; table === ''; ) {
      const chunk = (await chunks.next()).value;
      if (chunk?.last) table = chunk.relation.table;
      seen.push(chunk?.relation.table ?? '');
    }
    // The second table is asked for: the first was let go.
    const second = await chunks.next();
    expect(second.value?.relation.table).not.toBe(seen[0]);
    await database.query('SET lock_wait_timeout = 5');
    await database.query(`ALTER TABLE ${seen[0]} MODIFY n BIGINT`);
    await chunks.return?.();
  });

  test('beside the stream: tables are dumped again with a mark, and a table that is gone is missing', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE a (id INT PRIMARY KEY) ENGINE = InnoDB');
    await database.query('INSERT INTO a VALUES (1)');
    await using driver = openMysqlDriver(mysqlOptions(database));
    const { tables } = await driver.prepare(null, signal);
    const [id = ''] = tables.map(({ relation }) => relation.tableId);
    const redump = await driver.redump([id, '`x`.`gone`'], signal);
    expect(redump.tables.map(({ relation }) => relation.tableId)).toEqual([id]);
    expect(redump.tables[0]?.relation.signature).toBe(tables[0]?.relation.signature);
    expect(redump.tables[0]?.fingerprint).toBe(tables[0]?.fingerprint);
    expect((await collect(redump)).get('a')?.size).toBe(1);
    const nothing = await driver.redump(['`x`.`gone`'], signal);
    expect(nothing.tables).toEqual([]);
    expect((await collect(nothing)).size).toBe(0);
  });

  test('a stop ends a dump at once', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE a (id INT PRIMARY KEY) ENGINE = InnoDB');
    const stop = new AbortController();
    await using driver = openMysqlDriver(mysqlOptions(database));
    await driver.prepare(null, stop.signal);
    const locker = await database.connect();
    await locker.query('LOCK TABLES a WRITE');
    const dump = driver.dump(stop.signal).then(collect);
    stop.abort(new Error('stopped'));
    await expect(dump).rejects.toThrow('stopped');
    await locker.query('UNLOCK TABLES');
  });

  test('what is retained is known on a source where nothing happens after the first dump', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE a (id INT PRIMARY KEY) ENGINE = InnoDB');
    const changes = { sampleIntervalMs: 50 };
    await using driver = openMysqlDriver(mysqlOptions(database, changes), streamBinlog);
    const { identity } = await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    await collect(dump);
    const from = { position: dump.position, identity, partial: null };
    const nothingStaged = { async *read() {} };
    for await (const _ of driver.stream(from, signal, nothingStaged)) break;
    await until(() => driver.status().retainedLogBytes !== null, { what: 'it is known' });
  });

  test('status: what is not read yet, and how far apart two positions are', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query('CREATE TABLE a (id INT PRIMARY KEY) ENGINE = InnoDB');
    await using driver = openMysqlDriver(mysqlOptions(database, { sampleIntervalMs: 50 }));
    await driver.prepare(null, signal);
    const dump = await driver.dump(signal);
    await collect(dump);
    driver.acknowledge(dump.position);
    await database.query('INSERT INTO a VALUES (1)');
    await until(() => (driver.status().retainedLogBytes ?? 0) > 0, { what: 'a row is retained' });
    const { position } = driver.status();
    if (position === null) throw new Error('no position');
    expect(driver.compare(dump.position, position)).toBe(-1);
    expect(driver.lagBytes(position, dump.position)).toBeGreaterThan(0);
    expect((await driver.probe(null, signal)).position).not.toBeNull();
  });
});
