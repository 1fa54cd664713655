/** What goes wrong when a dump begins: the tool of mysqldump, and locks that do not come. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import { createMysqlDatabase, type MysqlTestDatabase } from '../support/mysql-database.ts';
import { collect, mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import { describeMysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

const signal = new AbortController().signal;

async function dumpOf(options: MysqlDriverOptions) {
  await using driver = openMysqlDriver(options);
  await driver.prepare(null, signal);
  return await collect(await driver.dump(signal));
}

async function withTable(database: MysqlTestDatabase): Promise<void> {
  await database.query('CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE = InnoDB');
  await database.query('INSERT INTO t VALUES (1, 1), (2, 2)');
}

describeMysql(['mysql', 'mysql56', 'mariadb'], (server) => {
  test('a table without transactions that comes in the moment that the dump begins', async () => {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    await database.query('CREATE TABLE m (id INT PRIMARY KEY, n INT) ENGINE = MyISAM');
    await database.query('INSERT INTO m VALUES (1, 1)');
    let begun = 0;
    const info = (_: unknown, message: string) => {
      if (message === 'dump begins') begun += 1;
    };
    const rows = await dumpOf(
      mysqlOptions(database, {
        // Met by the second look of the first attempt.
        matches: (_schema, table) => table !== 'm' || begun > 0,
        logger: { debug() {}, info, warn() {}, error() {} },
      }),
    );
    expect(begun).toBe(2);
    expect(rows.get('m')?.get('1')).toBe('{"id":1,"n":1}');
    expect(rows.get('t')?.size).toBe(2);
  });
});

describeMysql(['mysql', 'mariadb'], (server) => {
  /** Dumps by a shell script in the place of the tool; `$REAL` is the real one, `$LOG` a file to write to. */
  async function byScript(
    script: string,
  ): Promise<{ readonly outcome: unknown; readonly log: string }> {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    const folder = await mkdtemp(join(tmpdir(), 'tool-'));
    try {
      const program = join(folder, 'tool');
      const log = join(folder, 'log');
      await writeFile(log, '');
      const real = server().programs?.dump ?? '';
      await writeFile(program, `#!/bin/sh\nREAL='${real}'\nLOG='${log}'\n${script}\n`);
      await chmod(program, 0o755);
      const options = {
        dumpMethod: 'mysqldump',
        dumpProgram: program,
        path: '/bin:/usr/bin',
      } as const;
      const outcome = await dumpOf(mysqlOptions(database, options)).catch((error) => error);
      return { outcome, log: await readFile(log, 'utf8') };
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  const failed = (message: unknown) =>
    expect.objectContaining({ code: 'mysqldump_failed', message });

  test('the tool is missing', async () => {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    const options = mysqlOptions(database, { dumpMethod: 'mysqldump', path: '/nowhere' });
    await expect(dumpOf(options)).rejects.toMatchObject({
      code: 'mysqldump_failed',
      message: expect.stringContaining('PATH'),
      remedy: expect.stringContaining('dump.method: native'),
    });
  });

  test('the tool fails at once', async () => {
    const { outcome } = await byScript('echo "tool: Got error: 2002: no way" >&2; exit 2');
    expect(outcome).toEqual(failed(expect.stringMatching(/exit code 2.*no way/)));
  });

  test('the tool fails in the middle', async () => {
    const { outcome } = await byScript(
      '"$REAL" "$@"; echo "tool: Error 2013: Lost connection" >&2; exit 3',
    );
    expect(outcome).toEqual(failed(expect.stringMatching(/exit code 3.*Lost connection/)));
  });

  test('the tool says that something failed, and ends with 0', async () => {
    const { outcome } = await byScript('"$REAL" "$@"; echo "tool: Couldn\'t execute" >&2');
    expect(outcome).toEqual(failed(expect.stringMatching(/exit code 0.*Couldn't execute/)));
  });

  test('the tool prints less than everything', async () => {
    const { outcome } = await byScript('"$REAL" "$@" | head -n 25');
    expect(outcome).toEqual(failed(expect.stringContaining('before its dump was complete')));
  });

  test('the password stands in a file for the tool alone, which goes with it', async () => {
    const script = `echo "$@" >> "$LOG"; env >> "$LOG"; f="\${1#--defaults-file=}"; ls -l "$f" >> "$LOG"; echo "FILE $f" >> "$LOG"; exec "$REAL" "$@"`;
    const { outcome, log } = await byScript(script);
    expect(outcome).toBeInstanceOf(Map);
    expect(log).not.toContain(server().password);
    expect(log).toMatch(/^-rw-------/m);
    const file = /^FILE (.*)$/m.exec(log)?.[1] ?? '';
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a stop ends the tool', async () => {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    const stop = new AbortController();
    const path = `${dirname(server().programs?.dump ?? '')}:/bin`;
    await using driver = openMysqlDriver(mysqlOptions(database, { dumpMethod: 'mysqldump', path }));
    await driver.prepare(null, stop.signal);
    const dump = await driver.dump(stop.signal);
    stop.abort(new Error('stopped'));
    await expect(collect(dump)).rejects.toThrow('stopped');
  });

  test('a long statement holds up neither the dump nor those who write', async () => {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    const reader = await database.connect();
    const long = reader.query('SELECT SLEEP(60), id FROM t').catch(() => {});
    const running = async () => {
      const list = await database.query('SHOW FULL PROCESSLIST');
      return list.find(({ Info }) => /^SELECT SLEEP/.test(Info ?? ''))?.Id;
    };
    await until(running, { what: 'the long statement runs' });
    const methods: unknown[] = [];
    const logger = {
      debug() {},
      warn() {},
      error() {},
      info: (fields: object) => {
        if ('method' in fields) methods.push(fields.method);
      },
    };
    const rows = await dumpOf(mysqlOptions(database, { logger }));
    expect(rows.get('t')?.size).toBe(2);
    expect(methods).toEqual([server().flavour === 'mysql' ? 'lock' : 'mariadb']);
    await database.query('INSERT INTO t VALUES (3, 3)');
    await database.query(`KILL ${await running()}`);
    await long;
  });

  test('an open transaction that has written: the dump waits, or sees none of it', async () => {
    await using database = await createMysqlDatabase(server());
    await withTable(database);
    const writer = await database.connect();
    await writer.query('BEGIN');
    await writer.query('INSERT INTO t VALUES (3, 3)');
    let begun = false;
    const dump = dumpOf(mysqlOptions(database)).then((rows) => {
      begun = true;
      return rows.get('t')?.size;
    });
    if (server().flavour === 'mysql') {
      await until(
        async () => {
          const list = await database.query('SHOW FULL PROCESSLIST');
          return list.some(
            ({ Info, State }) => /^LOCK TABLES/.test(Info ?? '') && /lock/.test(State),
          );
        },
        { what: 'the dump waits for the transaction' },
      );
      expect(begun).toBe(false);
      // Nobody queues behind it.
      await database.query('INSERT INTO t VALUES (4, 4)');
      await writer.query('COMMIT');
      expect(await dump).toBe(4);
    } else {
      expect(await dump).toBe(2);
      await writer.query('COMMIT');
    }
  });
});
