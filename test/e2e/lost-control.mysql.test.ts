/** The connection beside the log, which the sync asks for everything but changes, is lost. */
import { expect, test } from 'vitest';
import { startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';
import { until } from '../support/until.ts';

describeMysql(['mysql', 'mariadb'], (server, flavour) => {
  test('killed in mid-stream: it backs off, and then follows a change of a table', async () => {
    const user = `lost_${process.pid}_${flavour}`;
    const account = `'${user}'@'%'`;
    await using sync = await startMysqlSync({
      server: server(),
      setup: `CREATE TABLE item (id INT PRIMARY KEY); INSERT INTO item VALUES (1), (2); CREATE USER ${account} IDENTIFIED BY 'pw'; GRANT ALL ON *.* TO ${account}`,
      login: { user, password: 'pw' },
      // Long enough to be seen.
      config: { database: { retry_period: '2s' } },
    });
    try {
      await sync.agrees('item');
      const connections = async () => {
        const rows = await sync.sql<{ id: number; command: string }>(
          `SELECT id AS id, command AS command FROM information_schema.processlist WHERE user = '${user}'`,
        );
        const others = rows.filter(({ command }) => !command.startsWith('Binlog Dump'));
        return rows.length === 2 && others.length === 1 && others[0];
      };
      const control = await until(connections, { what: 'one reads the log, one does not' });
      await sync.sql(`KILL ${control.id}`);
      const { last_error } = await sync.until('it backs off', (s) => s.state === 'backing_off');
      expect(last_error).toMatchObject({ code: 'source_unavailable' });
      await sync.sql(`ALTER TABLE item ADD c INT; INSERT INTO item VALUES (3, 4)`);
      await sync.agrees('item');
      await sync.caughtUp();
      await sync.until(
        'it is well',
        ({ state, last_error }) => state === 'streaming' && last_error === null,
      );
    } finally {
      await sync.watcher.kill();
      await sync.sql(`DROP USER ${account}`);
    }
  });
});
