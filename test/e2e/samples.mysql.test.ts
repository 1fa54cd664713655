/** The account that sample/compose/mysql.sh makes is enough for the sync of sample/compose/watcher.yml. */

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { mysqlOptions, openMysqlDriver } from '../support/mysql-driver.ts';
import { describeMysql } from '../support/servers.ts';

const script = new URL('../../sample/compose/mysql.sh', import.meta.url);

describeMysql(['mysql'], (server) => {
  test('check finds nothing to mend', async () => {
    await using database = await createMysqlDatabase(server());
    const [, sql = ''] = /<<SQL\n([\s\S]*)\nSQL\n$/.exec(await readFile(script, 'utf8')) ?? [];
    expect(sql).toContain(`CREATE USER 'watcher'@'%'`);
    // Accounts are the server's, which other tests share.
    const account = { user: `w_${database.name}`, password: 'a-password-of-the-sample' };
    await database.query(
      sql
        .replaceAll(`'watcher'@`, `'${account.user}'@`)
        .replace('orders.*', `${database.name}.*`)
        .replace(/\$\(cat [^)]*\)/, account.password),
    );
    try {
      await using driver = openMysqlDriver(mysqlOptions(database, account));
      const findings = await driver.check(new AbortController().signal);
      expect(findings.filter(({ level }) => level === 'failure')).toEqual([]);
      expect(JSON.stringify(findings)).toContain('orders');
    } finally {
      await database.query(`DROP USER '${account.user}'@'%'`);
    }
  });
});
