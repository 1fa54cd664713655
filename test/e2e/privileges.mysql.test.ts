/** The grants of docs/security.md, and no others: dump, stream, a dump again, and `check` finds nothing missing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

const page = fileURLToPath(new URL('../../docs/security.md', import.meta.url));
const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const titles = { mysql: 'MySQL', mariadb: 'MariaDB' } as const;

/** The statements under a heading, for another account and another database than the document's. */
async function grants(title: string, user: string, password: string): Promise<string[]> {
  const [, section = ''] = (await readFile(page, 'utf8')).split(`### ${title}\n`);
  const block = /^```sql\n([\s\S]*?)^```$/m.exec(section)?.[1] ?? '';
  const statements = block
    .replaceAll('watcher', user)
    .replaceAll('…', password)
    .split(';\n')
    .filter((statement) => statement !== '');
  expect(statements).toHaveLength(3);
  return statements;
}

describeMysql(['mysql', 'mariadb'], (server, flavour) => {
  test('are enough', async () => {
    const [user, password] = [`least_${process.pid}`, 'least-of-all'];
    const title = titles[flavour as keyof typeof titles];
    const setup = `CREATE TABLE item (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO item VALUES (1, 'a'), (2, 'b')`;
    // Until the account is there it fails.
    const options = { server: server(), setup, login: { user, password }, asItIs: true };
    await using sync = await startMysqlSync(options);
    try {
      await sync.until('it is refused', ({ last_error }) => last_error !== null);
      for (const statement of await grants(title, user, password)) {
        await sync.sql(statement.replace('inventory', sync.database.name));
      }
      await sync.order('start');
      await sync.until('it streams', ({ state }) => state === 'streaming');
      await sync.agrees('item');
      await sync.sql(`UPDATE item SET v = 'c' WHERE id = 2`);
      await sync.caughtUp();
      await sync.order('dump');
      await sync.caughtUp();
      await sync.agrees('item');
      expect(await sync.status()).toMatchObject({ state: 'streaming', warnings: [] });

      const args = [program, 'check', '-c', sync.watcher.configFile];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [found] = await Promise.all([text(child.stdout), once(child, 'close')]);
      expect(found).toMatch(/^0 failures, 0 warnings$/m);
      expect(JSON.stringify([sync.watcher.log, await sync.status(), found])).not.toContain(
        password,
      );
    } finally {
      await sync.watcher.kill();
      await sync.sql(`DROP USER IF EXISTS ${user}`);
    }
  });
});
