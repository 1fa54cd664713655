/** Rows that do not come any more: whoever waits for them is told. */
import { expect, test } from 'vitest';
import { connect } from '../../src/drivers/mysql/connection.ts';
import { selectRows } from '../../src/drivers/mysql/select-rows.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { describeMysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

const statement = `SELECT SLEEP(300) /* ${process.pid} */`;
const encoders = [(bytes: Buffer | null) => String(bytes)];

describeMysql(['mysql', 'mariadb', 'mysql56'], (server) => {
  async function open(signal: AbortSignal) {
    const { host, port, user, password } = server();
    const tls = { mode: 'disable', ca: null } as const;
    const login = { host, port, user, password, tls };
    return connect({ ...login, applicationName: 'watcher test', connectTimeoutMs: 5_000 }, signal);
  }

  test.each(['a stop', 'the server'])('%s ends the connection', async (who) => {
    await using database = await createMysqlDatabase(server());
    const stop = new AbortController();
    const connection = await open(stop.signal);
    const kill = () => database.query(`KILL ${connection.threadId}`);
    const told = selectRows(connection, statement, encoders).next();
    told.catch(() => {});
    await until(
      async () => {
        const list = await database.query('SHOW FULL PROCESSLIST');
        return list.some(({ Info }) => Info === statement);
      },
      { what: 'the statement runs' },
    );
    if (who === 'a stop') stop.abort();
    else await kill();
    await expect(told).rejects.toThrow();
    // The server may have noticed by itself.
    await kill().catch(() => {});
  });

  test('the connection was lost before', async () => {
    const connection = await open(new AbortController().signal);
    connection.destroy();
    await expect(selectRows(connection, 'SELECT 1', encoders).next()).rejects.toThrow();
  });
});
