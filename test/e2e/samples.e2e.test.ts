/** The role that sample/compose/postgres.sh makes is enough for the sync of sample/compose/watcher.yml, and makes it exact. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { createDatabase } from '../support/database.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { until } from '../support/until.ts';

const sample = new URL('../../sample/compose/', import.meta.url);
const password = 'a-password-of-the-sample';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watcher-samples-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test('PostgreSQL', async () => {
  await using database = await createDatabase(postgres(18));
  await using prefix = createPrefix(etcd());
  // Roles are the server's, which other tests share.
  const role = `r_${database.name}`;
  const script = await readFile(new URL('postgres.sh', sample), 'utf8');
  const [, sql = ''] = /<<'SQL'\n([\s\S]*)\nSQL\n$/.exec(script) ?? [];
  expect(sql).toContain('CREATE ROLE watcher ');
  await database.query(
    sql.replaceAll(/\bwatcher\b/g, role).replace(`:'password'`, `'${password}'`),
  );
  try {
    const { host, port } = database.server;
    const file = parse(await readFile(new URL('watcher.yml', sample), 'utf8'));
    const { password_file: _file, ...sampled } = file.syncs.inventory.database;
    const config = {
      api: { port: 0 },
      etcd: { endpoints: [new URL(etcd().endpoint).host], state_prefix: prefix.state },
      syncs: {
        inventory: {
          ...file.syncs.inventory,
          database: { ...sampled, host, port, name: database.name, user: role, password },
          keys: { template: `${prefix.rows}{schema}/{table}/{key}` },
          postgres: { slot: `s_${database.name}` },
        },
      },
    };
    await using running = await startWatcher({ config: JSON.stringify(config), dir });
    const rows = () => prefix.gateway.values(`${prefix.rows}public/products/`);
    const { failure } = running;
    await until(async () => (await rows()).size === 3, { what: 'the dump', failure });
    await database.query(`UPDATE products SET price = 1.20 WHERE id = 1`);
    await database.query(`DELETE FROM products WHERE id = 2`);
    const price = async () => (await rows()).get(`${prefix.rows}public/products/1`);
    await until(
      async () => (await price())?.includes('"price":1.20') && (await rows()).size === 2,
      {
        what: 'the stream',
        failure,
      },
    );
    const sync = await running.get('/v1/syncs/inventory');
    expect(sync).toMatchObject({ state: 'streaming', warnings: [], last_error: null });
  } finally {
    await database.query(`DROP OWNED BY ${role}`);
    await database.query(`DROP ROLE ${role}`);
  }
});
