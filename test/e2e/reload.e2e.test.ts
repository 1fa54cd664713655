/** A reload: what changed is acted upon, and nothing else (SPEC §3, §4, §7, §8). */

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { ConfigReloadJson } from '../../src/api/schemas/config.ts';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { makePem } from '../support/pem.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { type SyncJson, type SyncOptions, startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const server = postgres(15);

const table = (name: string, rows = 20): string =>
  `CREATE TABLE ${name} (id int PRIMARY KEY, v text, n int8); INSERT INTO ${name} SELECT i, 'v' || i, i FROM generate_series(1, ${rows}) i;`;

function start(options: SyncOptions): Promise<TestSync> {
  return startSync({ server, ...options });
}

interface FileSync {
  readonly [key: string]: unknown;
}

interface File {
  [key: string]: unknown;
  log_level: string;
  api: Record<string, unknown>;
  syncs: Record<string, FileSync>;
}

/** Changes the file of a running Watcher; the sync under test is `shop`. */
async function edit({ watcher }: TestSync, change: (file: File) => void): Promise<void> {
  const file = JSON.parse(await readFile(watcher.configFile, 'utf8')) as File;
  change(file);
  await writeFile(watcher.configFile, JSON.stringify(file, null, 2));
}

const editShop = (sync: TestSync, members: FileSync) =>
  edit(sync, (file) => {
    file.syncs.shop = { ...file.syncs.shop, ...members };
  });

async function reload(sync: TestSync, query = ''): Promise<ConfigReloadJson> {
  const response = await sync.watcher.post(`/v1/config/reload${query}`);
  const body = await response.json();
  expect(response.status, JSON.stringify(body)).toBe(200);
  return body as ConfigReloadJson;
}

/** Revision at which each key of a table was last written. */
async function revisions(sync: TestSync, name: string): Promise<Map<string, unknown>> {
  const kvs = await sync.prefix.gateway.list(`${sync.prefix.rows}public/${name}/`);
  return new Map([...kvs].map(([key, { modRevision }]) => [key, modRevision]));
}

async function leaderKeys(sync: TestSync): Promise<readonly string[]> {
  const kvs = await sync.prefix.gateway.list(`${sync.prefix.state}/syncs/shop/leader/`);
  return [...kvs.values()].map(({ key, createRevision }) => `${key} ${createRevision}`);
}

describe('tables', () => {
  test('one that is added is dumped alone, and the others go on meanwhile', async () => {
    await using sync = await start({
      setup: table('steady') + table('joins'),
      config: { tables: { include: ['public.steady'] } },
    });
    await sync.agrees('steady');
    const steady = await revisions(sync, 'steady');
    const leader = await leaderKeys(sync);
    // In the publication already, so that only its dump waits for the lock.
    await sync.sql(`ALTER PUBLICATION p_${sync.database.name} ADD TABLE joins`);
    const blocker = await sync.database.connect();
    await blocker.query('BEGIN; LOCK TABLE joins IN ACCESS EXCLUSIVE MODE');
    await editShop(sync, { tables: { include: ['public.steady', 'public.joins'] } });
    expect(await reload(sync)).toMatchObject({ changed: ['shop'], unchanged: [], leftovers: [] });
    await sync.until(
      'it streams',
      ({ state, dump }) => state === 'streaming' && dump.state === 'running',
    );
    await sync.sql(`INSERT INTO steady VALUES (100, 'meanwhile')`);
    await until(async () => (await sync.keys('steady')).size === 21, {
      what: 'the change of another table',
    });
    expect((await sync.keys('joins')).size).toBe(0);
    const { dump } = await sync.status();
    expect(dump).toMatchObject({ state: 'running' });
    await blocker.query('COMMIT');
    await blocker.end();
    await sync.agrees('joins');
    await sync.sql('UPDATE joins SET n = -n WHERE id < 5');
    await sync.agrees('joins');
    const now = await revisions(sync, 'steady');
    for (const [key, revision] of steady) expect([key, now.get(key)]).toEqual([key, revision]);
    expect(await leaderKeys(sync)).toEqual(leader);
  });

  test('one that leaves: its keys are deleted, and counted by a dry run, which changes nothing', async () => {
    await using sync = await start({ setup: table('stays') + table('leaves', 33) });
    await sync.agrees('leaves');
    await editShop(sync, { tables: { exclude: ['public.leaves'] } });
    const rehearsed = await reload(sync, '?dry_run=true');
    expect(rehearsed).toMatchObject({
      dry_run: true,
      changed: ['shop'],
      effects: [
        {
          name: 'shop',
          changes: ['tables.exclude'],
          tables_removed: ['public.leaves'],
          tables_dumped: [],
          keys_deleted: 33,
        },
      ],
    });
    await sync.sql(`INSERT INTO leaves VALUES (100, 'after the dry run')`);
    await sync.agrees('leaves');
    await reload(sync);
    await until(async () => (await sync.keys('leaves')).size === 0, { what: 'its keys are gone' });
    await sync.sql(`INSERT INTO leaves VALUES (101); INSERT INTO stays VALUES (101)`);
    await sync.agrees('stays');
    expect((await sync.keys('leaves')).size).toBe(0);
    const { dump } = await sync.status();
    expect(dump.tables.map(({ table: name }) => name)).toEqual(['public.stays']);
    const members = await sync.sql('SELECT tablename FROM pg_publication_tables');
    expect(members).toEqual([{ tablename: 'stays' }]);
    await editShop(sync, { tables: { exclude: [] } });
    await reload(sync);
    await sync.agrees('leaves');
  });

  test('another template: the rows move, and nothing stays behind', async () => {
    await using sync = await start({ setup: table('item', 40) });
    await sync.agrees('item');
    const template = `${sync.prefix.rows}moved/{schema}/{table}/{key}`;
    await editShop(sync, { keys: { template } });
    expect((await reload(sync, '?dry_run=true')).effects).toMatchObject([
      { changes: ['keys.template'], tables_dumped: ['public.item'], keys_deleted: 40 },
    ]);
    await reload(sync);
    const { gateway, rows } = sync.prefix;
    await until(async () => (await gateway.list(`${rows}public/`)).size === 0, {
      what: 'the old keys are gone',
    });
    expect((await gateway.list(`${rows}moved/public/item/`)).size).toBe(40);
    await sync.sql('DELETE FROM item WHERE id > 10');
    await until(async () => (await gateway.list(rows)).size === 10, {
      what: 'the stream goes on there',
    });
  });

  test('another template over keys of somebody else: refused, and they stay', async () => {
    await using sync = await start({ setup: table('item', 3) });
    await sync.agrees('item');
    const { gateway, rows } = sync.prefix;
    await gateway.put(`${rows}moved/public/item/foreign`, 'theirs');
    await editShop(sync, { keys: { template: `${rows}moved/{schema}/{table}/{key}` } });
    await reload(sync);
    await sync.until('it has failed', ({ state }) => state === 'failed');
    expect((await sync.status()).last_error).toMatchObject({ code: 'prefix_not_empty' });
    expect((await gateway.list(`${rows}moved/`)).size).toBe(1);
    expect((await sync.keys('item')).size).toBe(3);
  });

  test('other columns: the tables concerned are dumped again, and no other', async () => {
    await using sync = await start({ setup: table('item') + table('other') });
    await sync.agrees('item');
    const before = await revisions(sync, 'other');
    await editShop(sync, { columns: { exclude: ['public.item.v'] } });
    expect((await reload(sync, '?dry_run=true')).effects).toMatchObject([
      { changes: ['columns.exclude'], tables_dumped: ['public.item'], keys_deleted: 0 },
    ]);
    await reload(sync);
    const slim = async () =>
      [...(await sync.keys('item')).values()].every((value) => !value.includes('"v"'));
    await until(slim, { what: 'no value has the column' });
    await sync.sql(`UPDATE item SET v = 'x', n = 7 WHERE id = 1`);
    await until(async () => [...(await sync.keys('item')).values()].includes('{"id":1,"n":7}'), {
      what: 'the stream',
    });
    expect(await revisions(sync, 'other')).toEqual(before);
    await editShop(sync, { columns: { exclude: [] } });
    await reload(sync);
    await sync.agrees('item');
  });

  test('other values, and another key of a table without a primary key', async () => {
    await using sync = await start({
      setup: `CREATE TABLE log (a int NOT NULL, b int NOT NULL, n int8, UNIQUE (a), UNIQUE (b)); ALTER TABLE log REPLICA IDENTITY FULL; INSERT INTO log VALUES (1, 10, 5), (2, 20, 6)`,
      config: { keys: { columns: { 'public.log': ['a'] } } },
    });
    const prefix = `${sync.prefix.rows}public/log/`;
    const content = async () => Object.fromEntries(await sync.prefix.gateway.values(prefix));
    await until(async () => `${prefix}1` in (await content()), { what: 'the first dump' });
    await edit(sync, (file) => {
      const keys = { ...Object(file.syncs.shop?.keys), columns: { 'public.log': ['b'] } };
      file.syncs.shop = { ...file.syncs.shop, keys, values: { numbers: 'string' } };
    });
    await reload(sync);
    const expected = {
      [`${prefix}10`]: '{"a":1,"b":10,"n":"5"}',
      [`${prefix}20`]: '{"a":2,"b":20,"n":"6"}',
    };
    await until(async () => JSON.stringify(await content()) === JSON.stringify(expected), {
      what: 'it is dumped again',
    });
    await sync.sql('UPDATE log SET b = 30 WHERE a = 1');
    await until(async () => `${prefix}30` in (await content()), { what: 'the stream' });
    expect(Object.keys(await content())).toHaveLength(2);
  });
});

describe('syncs', () => {
  /** A second sync, on a table of its own. */
  const beside = (sync: TestSync): FileSync => ({
    driver: 'pgx',
    database: { ...Object(shopOf.get(sync)?.database) },
    tables: { include: ['beside.*'] },
    keys: { template: `${sync.prefix.rows}beside/{table}/{key}` },
    postgres: { publication: `p2_${sync.database.name}`, slot: `s2_${sync.database.name}` },
  });
  const shopOf = new WeakMap<TestSync, FileSync>();

  async function withBeside(): Promise<TestSync> {
    const sync = await start({
      setup: `${table('item')} CREATE SCHEMA beside; ${table('beside.t')}`,
    });
    await edit(sync, (file) => {
      shopOf.set(sync, file.syncs.shop ?? {});
      file.syncs.beside = beside(sync);
    });
    return sync;
  }

  const streamBegins = (sync: TestSync, name: string) =>
    sync.watcher.log.filter((line) => line.sync === name && line.msg === 'the stream begins')
      .length;

  test('one that is added starts, one that is removed stops, and the SQL for what it leaves is right', async () => {
    await using sync = await withBeside();
    expect(await reload(sync)).toMatchObject({
      added: ['beside'],
      changed: [],
      unchanged: ['shop'],
    });
    await sync.agrees('beside.t');
    await until(async () => streamBegins(sync, 'beside') === 1, { what: 'it streams' });
    expect(streamBegins(sync, 'shop')).toBe(1);

    await edit(sync, (file) => {
      delete file.syncs.beside;
    });
    const { removed, leftovers } = await reload(sync);
    expect(removed).toEqual(['beside']);
    const prefix = `${sync.prefix.rows}beside/t/`;
    expect(leftovers).toMatchObject([
      { name: 'beside', keys: [prefix], state: `${sync.prefix.state}/syncs/beside/` },
    ]);
    const gone = await fetch(`${sync.watcher.url}/v1/syncs/beside`);
    expect([gone.status, await gone.json()]).toMatchObject([404, { code: 'unknown_sync' }]);
    await sync.sql(`INSERT INTO beside.t VALUES (1000); INSERT INTO item VALUES (1000)`);
    await sync.agrees('item');
    expect((await sync.prefix.gateway.list(prefix)).size).toBe(20);
    const state = [
      ...(await sync.prefix.gateway.list(`${sync.prefix.state}/syncs/beside/`)).keys(),
    ];
    expect(state.map((key) => key.split('/').at(-1)).sort()).toEqual(['checkpoint', 'tables']);

    // It comes back, and goes on where it was.
    await edit(sync, (file) => {
      file.syncs.beside = beside(sync);
    });
    expect((await reload(sync)).added).toEqual(['beside']);
    await sync.agrees('beside.t');
    await edit(sync, (file) => {
      delete file.syncs.beside;
    });
    const [leftover] = (await reload(sync)).leftovers;
    for (const statement of leftover?.sql ?? []) await sync.sql(statement);
    const left = await sync.sql(
      'SELECT pubname AS name FROM pg_publication UNION ALL SELECT slot_name FROM pg_replication_slots WHERE database = current_database() ORDER BY 1',
    );
    expect(left.map(({ name }) => name)).toEqual([
      `p_${sync.database.name}`,
      `s_${sync.database.name}`,
    ]);
  });

  test('another slot and publication: the old ones are named', async () => {
    await using sync = await start({ setup: table('item') });
    const { name } = sync.database;
    await editShop(sync, { postgres: { publication: `p3_${name}`, slot: `s3_${name}` } });
    const { leftovers } = await reload(sync);
    expect(leftovers).toMatchObject([
      { name: 'shop', slot: `s_${name}`, publication: `p_${name}`, state: null },
    ]);
    await sync.until('it streams again', ({ state }) => state === 'streaming');
    await sync.sql('DELETE FROM item WHERE id < 5');
    await sync.agrees('item');
    for (const statement of leftovers[0]?.sql ?? []) await sync.sql(statement);
    await sync.sql('DELETE FROM item WHERE id < 10');
    await sync.agrees('item');
  });

  test('a secret in a file: what uses it is changed; a wrong one fails, the right one goes on', async () => {
    await using sync = await start({ setup: table('item') });
    const file = join(dirname(sync.watcher.configFile), 'password');
    const { password } = sync.database.server;
    await writeFile(file, password);
    await edit(sync, ({ syncs }) => {
      const { password: _inline, ...database } = Object(syncs.shop?.database);
      syncs.shop = { ...syncs.shop, database: { ...database, password_file: file } };
    });
    expect(await reload(sync)).toMatchObject({ changed: [], unchanged: ['shop'] });
    await writeFile(file, 'a-wrong-one');
    const changed = await reload(sync);
    expect(changed.effects).toMatchObject([{ name: 'shop', changes: ['database.password'] }]);
    expect(JSON.stringify(changed)).not.toContain('a-wrong-one');
    await sync.until('it has failed', ({ state }) => state === 'failed');
    expect((await sync.status()).last_error).toMatchObject({ code: 'source_auth_failed' });
    const shown = JSON.stringify(await sync.watcher.get('/v1/config'));
    expect(shown).toContain('"password":"***"');
    expect(shown).not.toContain('a-wrong-one');
    await writeFile(file, `${password}\n`);
    await reload(sync);
    await sync.until('it streams', ({ state }) => state === 'streaming');
    await sync.sql('DELETE FROM item WHERE id < 5');
    await sync.agrees('item');
    expect(JSON.stringify(sync.watcher.log)).not.toContain('a-wrong-one');
  });
});

describe('the file', () => {
  const metric = async (sync: TestSync) =>
    /^watcher_config_last_reload_success (\d)$/m.exec(
      String(await sync.watcher.get('/metrics')),
    )?.[1];

  test('one that is not valid changes nothing, and every violation is told', async () => {
    await using sync = await start({ setup: table('item') });
    const { configFile, pid } = sync.watcher;
    const good = await readFile(configFile, 'utf8');
    await edit(sync, (file) => {
      file.log_level = 'loud';
      file.syncs.shop = { ...file.syncs.shop, tabels: {} };
      file.syncs.more = {};
    });
    for (const query of ['', '?dry_run=true']) {
      const response = await sync.watcher.post(`/v1/config/reload${query}`);
      expect(response.status).toBe(422);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      const { code, violations } = (await response.json()) as {
        code: string;
        violations: { path: string; line: number }[];
      };
      expect(code).toBe('config_invalid');
      const paths = violations.map(({ path }) => path);
      expect(paths).toEqual(
        expect.arrayContaining(['log_level', 'syncs.shop.tabels', 'syncs.more.database.host']),
      );
      for (const { line } of violations) expect(line).toBeGreaterThan(0);
    }
    expect(await metric(sync)).toBe('0');
    process.kill(pid, 'SIGHUP');
    const logged = () =>
      sync.watcher.log.filter(
        ({ path, level }) => path === 'syncs.shop.tabels' && level === 'error',
      );
    await until(() => logged().length === 2, { what: 'SIGHUP says so too' });
    await sync.sql('DELETE FROM item WHERE id < 5');
    await sync.agrees('item');
    expect(Object.keys(Object((await sync.watcher.get('/v1/config')) as object))).toContain(
      'syncs',
    );
    expect(await sync.watcher.get('/v1/config')).toMatchObject({
      log_level: 'debug',
      syncs: { shop: {} },
    });

    await writeFile(configFile, good);
    await edit(sync, (file) => {
      file.log_level = 'info';
    });
    process.kill(pid, 'SIGHUP');
    await until(async () => (await metric(sync)) === '1', { what: 'SIGHUP reloads' });
    expect(await sync.watcher.get('/v1/config')).toMatchObject({ log_level: 'info' });
    const seen = sync.watcher.log.length;
    await editShop(sync, { dump: { parallel: 3 } });
    expect((await reload(sync)).changed).toEqual(['shop']);
    await sync.until('it streams', ({ state }) => state === 'streaming');
    await until(() => sync.watcher.log.slice(seen).some(({ msg }) => msg === 'the stream begins'), {
      what: 'the log',
    });
    expect(sync.watcher.log.slice(seen).filter(({ level }) => level === 'debug')).toEqual([]);
  });

  test('what needs a restart is named, and stays as it is; tokens are taken over at once', async () => {
    await using sync = await start({ setup: table('item') });
    await edit(sync, (file) => {
      file.instance = 'another';
      file.api = {
        ...file.api,
        port: 1,
        tokens: [{ name: 'ops', token: 'a-token-of-the-test', role: 'admin' }],
      };
    });
    expect(await reload(sync)).toMatchObject({
      unchanged: ['shop'],
      restart_required: ['instance', 'api.port'],
    });
    expect((await fetch(`${sync.watcher.url}/v1/config`)).status).toBe(401);
    const headers = { authorization: 'Bearer a-token-of-the-test' };
    const config = await (await fetch(`${sync.watcher.url}/v1/config`, { headers })).json();
    expect(config).toMatchObject({ api: { port: 0, tokens: [{ name: 'ops', token: '***' }] } });
    const again = await fetch(`${sync.watcher.url}/v1/config/reload`, { method: 'POST', headers });
    expect(await again.json()).toMatchObject({ restart_required: ['instance', 'api.port'] });
  });

  test('the certificate of the API is read again; one without its key is refused', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'watcher-reload-'));
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const [first, second] = [await makePem(), await makePem()];
    await Promise.all([writeFile(cert, first.cert), writeFile(key, first.key)]);
    await using prefix = createPrefix(etcd());
    const config = {
      api: { port: 0, tls: { cert_file: cert, key_file: key } },
      etcd: { endpoints: [new URL(etcd().endpoint).host], state_prefix: prefix.state },
      syncs: { a: { autostart: false, database: { host: '127.0.0.1', port: 1, name: 'a' } } },
    };
    await using watcher = await startWatcher({ config: JSON.stringify(config), dir });
    const served = async () => {
      const { hostname, port } = new URL(watcher.url);
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      return raw.toString('hex');
    };
    const fingerprint = (pem: string) => new X509Certificate(pem).raw.toString('hex');
    expect(await served()).toBe(fingerprint(first.cert));
    await writeFile(cert, second.cert);
    process.kill(watcher.pid, 'SIGHUP');
    const said = (level: string, msg: RegExp) => () =>
      watcher.log.some((line) => line.level === level && msg.test(line.msg));
    await until(said('error', /stays as it is/), { what: 'it is refused' });
    expect(await served()).toBe(fingerprint(first.cert));
    await writeFile(key, second.key);
    process.kill(watcher.pid, 'SIGHUP');
    await until(said('info', /was reloaded/), { what: 'it is reloaded' });
    expect(await served()).toBe(fingerprint(second.cert));
    await rm(dir, { recursive: true, force: true });
  });

  test('two instances whose files differ say so, until they do not', async () => {
    await using first = await start({ setup: table('item'), settings: { instance: 'one' } });
    await edit(first, (file) => {
      file.instance = 'two';
    });
    const dir = await mkdtemp(join(tmpdir(), 'watcher-reload-'));
    const config = await readFile(first.watcher.configFile, 'utf8');
    await using second = await startWatcher({ config, dir });
    const codes = async (watcher: WatcherProcess) => {
      const { warnings, state } = (await watcher.get('/v1/syncs/shop')) as SyncJson;
      return [
        state,
        ...warnings.map(({ code, message }) => `${code} ${/instance (\w+)/.exec(message)?.[1]}`),
      ];
    };
    const show = (expected: readonly (readonly string[])[]) =>
      until(
        async () =>
          JSON.stringify([await codes(first.watcher), await codes(second)]) ===
          JSON.stringify(expected),
        { what: JSON.stringify(expected) },
      );
    await show([['streaming'], ['standby']]);
    await editShop(first, { dump: { parallel: 3 } });
    await reload(first);
    await show([
      ['streaming', 'config_differs two'],
      ['standby', 'config_differs two'],
    ]);
    await writeFile(second.configFile, await readFile(first.watcher.configFile, 'utf8'));
    expect((await second.post('/v1/config/reload')).status).toBe(200);
    await show([['streaming'], ['standby']]);
    await rm(dir, { recursive: true, force: true });
  });
});
