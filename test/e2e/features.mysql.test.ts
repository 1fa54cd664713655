/** A whole sync of MySQL and MariaDB: dump, stream, restart, by the real service. */
import { expect, test } from 'vitest';
import { startMysqlSync } from '../support/mysql-sync.ts';
import { describeMysql } from '../support/servers.ts';

const setup = `
CREATE TABLE orders (id INT PRIMARY KEY, customer VARCHAR(40), total DECIMAL(12,2), placed DATETIME(3), doc TEXT);
CREATE TABLE parts (order_id INT, line VARCHAR(20), n BIGINT UNSIGNED, PRIMARY KEY (order_id, line));
INSERT INTO orders VALUES (1, 'é 😀', 10.50, '2020-01-01 10:00:00.125', '{}'), (2, NULL, -0.01, NULL, 'x');
INSERT INTO parts VALUES (1, 'a/b', 18446744073709551615), (1, '', 0), (2, '100 %', NULL);
`;

describeMysql(['mysql', 'mariadb', 'mysql56'], (server, name) => {
  test('dump, then stream, then a restart', async () => {
    await using sync = await startMysqlSync({ server: server(), setup });
    await sync.agrees('orders');
    await sync.agrees('parts');
    await sync.sql(`INSERT INTO orders VALUES (3, 'new', 99999999.99, NOW(3), REPEAT('x', 5000))`);
    await sync.sql('UPDATE orders SET total = total + 1 WHERE id < 3');
    await sync.sql(`START TRANSACTION; UPDATE parts SET order_id = 7 WHERE order_id = 1;
      DELETE FROM orders WHERE id = 2; COMMIT`);
    await sync.caughtUp();
    await sync.agrees('orders');
    await sync.agrees('parts');
    const before = await sync.status();
    expect(before).toMatchObject({ state: 'streaming', last_error: null });
    // 5.6 cannot name columns in its log.
    expect(before.warnings.map(({ code }) => code)).toEqual(
      name === 'mysql56' ? ['source_limited'] : [],
    );
    await sync.restart();
    await sync.sql('DELETE FROM parts WHERE n = 0; INSERT INTO parts VALUES (9, "z", 1)');
    await sync.caughtUp();
    await sync.agrees('parts');
    expect((await sync.status()).counters).toMatchObject({ inserts: 1, deletes: 1, updates: 0 });
  });
});
