/** MySQL and MariaDB under the calls of the API: positions, orders, instances, the tool of mysqldump, the older form (SPEC §4, §8). */

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { createMysqlDatabase } from '../support/mysql-database.ts';
import { series } from '../support/mysql-series.ts';
import { logEnd, type MysqlTestSync, startMysqlSync } from '../support/mysql-sync.ts';
import { createPrefix } from '../support/prefix.ts';
import { describeMysql, etcd } from '../support/servers.ts';
import type { SyncJson } from '../support/sync.ts';
import { until } from '../support/until.ts';

const setup = `
CREATE TABLE item (id INT PRIMARY KEY, v VARCHAR(1000)); INSERT INTO item SELECT n, 'v' FROM ${series(1, 200)};
CREATE TABLE note (id INT PRIMARY KEY, v VARCHAR(1000)); INSERT INTO note SELECT n, 'n' FROM ${series(1, 50)};
CREATE TABLE typed (id INT PRIMARY KEY, big BIGINT UNSIGNED, price DECIMAL(30, 8), real8 DOUBLE, real4 FLOAT, bits BIT(9), day DATE, at DATETIME(6), stamp TIMESTAMP(3) NULL, took TIME(2), y YEAR,
  label ENUM('a', 'b,c', 'ü'), labels SET('x', 'y', 'z'), bin BINARY(4), varbin VARBINARY(20), txt TEXT, latin VARCHAR(20) CHARACTER SET latin1, blb BLOB);
INSERT INTO typed VALUES (1, 18446744073709551615, -12345678901234567890.00000001, 0.1, 3.14159274, b'101010101', '2020-02-29', '2020-01-01 10:00:00.123456', '2020-01-01 10:00:00.5', '-838:59:59', 2155,
  'b,c', 'x,z', 'ab', X'00FF', 'Grüße "🙂"\\n\\t\\\\', 'Ärger', X'DEADBEEF00'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, 0, 0, 0, 0, 0, '0001-01-01', '0001-01-01 00:00:00', '1970-01-01 00:00:01', '00:00:00', 1901, 'a', '', '', '', '', '', '');
`;

async function problem(response: Response): Promise<{ status: number; code: string }> {
  const { code } = (await response.json()) as { code: string };
  return { status: response.status, code };
}

const gtids = {
  mysql: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:1-\d+$/,
  mariadb: /^0-\d+-\d+$/,
  mysql56: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:1-\d+$/,
};

describeMysql(['mysql', 'mariadb'], (server, flavour) => {
  let sync: MysqlTestSync;
  beforeAll(async () => {
    sync = await startMysqlSync({ server: server(), setup });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  test('every field is there, with its type; positions are those of the source', async () => {
    await sync.sql(
      `INSERT INTO item VALUES (300, 'x'); UPDATE item SET v = 'y' WHERE id < 3; DELETE FROM item WHERE id = 3`,
    );
    await sync.caughtUp();
    const number = expect.any(Number);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const position = {
      gtid: expect.stringMatching(gtids[flavour]),
      file: expect.stringMatching(/^binlog\.\d{6}$/),
      offset: number,
    };
    const status = await sync.until(
      'it is idle',
      ({ lag, retained_log_bytes: retained }) => lag.seconds === 0 && retained !== null,
    );
    const whole = status as SyncJson & { dump: Record<string, unknown> };
    const { name } = sync.database;
    const table = (named: string, rows: number) => ({
      table: `${name}.${named}`,
      state: 'done',
      rows,
      rows_estimated: number,
    });
    expect(whole).toEqual({
      name: 'shop',
      driver: 'mysql',
      state: 'streaming',
      desired: 'running',
      instance: expect.any(String),
      position,
      source_position: position,
      lag: { bytes: number, seconds: 0 },
      dump: {
        state: 'done',
        started_at: time,
        finished_at: time,
        percent: 100,
        eta_seconds: whole.dump.eta_seconds,
        tables: [table('item', 200), table('note', 50), table('typed', 3)],
      },
      counters: {
        transactions: number,
        inserts: 1,
        updates: 2,
        deletes: 1,
        truncates: 0,
        puts: 256,
        etcd_txns: number,
        bytes: number,
      },
      retained_log_bytes: number,
      checkpoint: { revision: number, committed_at: time },
      warnings: [],
      last_error: null,
    });
    const end = await logEnd(sync.database);
    expect(whole.position?.file).toBe(end.file);
    const metrics = (await sync.watcher.get('/metrics')) as string;
    expect(metrics).toMatch(/lag_seconds\{[^}]*sync="shop"[^}]*\} 0$/m);
    expect(metrics).toMatch(/watcher_retained_log_bytes\{[^}]*sync="shop"[^}]*\} \d+$/m);
  });

  test('nothing happened: a restart leaves etcd as it is', async () => {
    await sync.caughtUp();
    const { gateway, rows } = sync.prefix;
    const before = await gateway.list(rows);
    await sync.restart();
    await sync.caughtUp();
    expect(await gateway.list(rows)).toEqual(before);
    expect((await sync.status()).counters).toMatchObject({ puts: 0, inserts: 0 });
  });

  test('the dump of one table mends it, and touches no other', async () => {
    const { gateway, rows } = sync.prefix;
    const { name } = sync.database;
    await sync.caughtUp();
    await gateway.put(`${rows}${name}/item/1`, 'damaged');
    await gateway.put(`${rows}${name}/item/99999`, 'foreign');
    await gateway.put(`${rows}${name}/note/1`, 'damaged');
    await gateway.deletePrefix(`${rows}${name}/item/20`);
    const response = await sync.order('dump', { tables: [`${name}.item`] });
    expect([response.status, await response.json()]).toMatchObject([202, { name: 'shop' }]);
    await sync.sql(`INSERT INTO item VALUES (400, 'meanwhile')`);
    await sync.agrees('item');
    await sync.caughtUp();
    expect((await gateway.get(`${rows}${name}/note/1`))?.value).toBe('damaged');
    expect((await sync.order('dump')).status).toBe(202);
    await sync.agrees('note');
    await sync.until('it is done', ({ dump }) => dump.state === 'done');
    expect(await problem(await sync.order('dump', { tables: [`${name}.nothing`] }))).toEqual({
      status: 422,
      code: 'unknown_table',
    });
  });

  test('stop and start: the stopped one says what is not read yet', async () => {
    expect((await sync.order('stop')).status).toBe(202);
    await sync.until('it is stopped', ({ state }) => state === 'stopped');
    expect(await problem(await sync.order('dump'))).toEqual({ status: 409, code: 'sync_stopped' });
    const { position } = await sync.until(
      'it says so',
      (status) => status.retained_log_bytes === 0,
    );
    await sync.sql(`INSERT INTO note SELECT n, REPEAT('w', 1000) FROM ${series(1000, 4000)}`);
    // It asks every 15 s; a new process asks at once.
    await sync.restart(undefined, { asItIs: true });
    const more = await sync.until('it grows', (status) => (status.retained_log_bytes ?? 0) > 3e6);
    expect(more).toMatchObject({ state: 'stopped', desired: 'stopped', position });
    expect((await sync.order('start')).status).toBe(202);
    await sync.agrees('note');
    await sync.until(
      'nothing is left',
      ({ state, retained_log_bytes: retained }) => state === 'streaming' && retained === 0,
    );
  });

  test('a second instance stands by, answers for its leader, and takes over when that one is killed', async () => {
    await sync.caughtUp();
    const leader = sync.watcher;
    const dir = await mkdtemp(join(tmpdir(), 'watcher-second-'));
    try {
      const config = await readFile(leader.configFile, 'utf8');
      await using second = await startWatcher({ config, dir });
      const status = async () => (await second.get('/v1/syncs/shop')) as SyncJson;
      const { failure } = second;
      await until(async () => (await status()).state === 'standby', {
        what: 'it stands by',
        failure,
      });
      await until(async () => (await status()).position !== null, {
        what: 'it shows the position of its leader',
      });
      await sync.sql(`UPDATE item SET v = 'led'`);
      await sync.agrees('item');
      await leader.kill();
      await sync.sql(`UPDATE item SET v = 'nobody leads'`);
      await until(async () => (await status()).state === 'streaming', {
        what: 'it leads',
        failure,
      });
      const led = async () => {
        const values = [...(await sync.keys('item')).values()];
        return values.every((text) => (JSON.parse(text) as { v: string }).v === 'nobody leads');
      };
      await until(led, { what: 'all is there', failure });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    await sync.restart();
    await sync.agrees('item');
  });

  test('dump.method: mysqldump writes the same keys and the same bytes', async () => {
    await sync.caughtUp();
    const { gateway, rows, state } = sync.prefix;
    const native = await gateway.values(rows);
    const dir = await mkdtemp(join(tmpdir(), 'watcher-tool-'));
    try {
      const program = join(dir, 'tool');
      await writeFile(
        program,
        `#!/bin/sh\necho run >> '${dir}/runs'\nexec '${server().programs?.dump}' "$@"\n`,
      );
      await chmod(program, 0o755);
      await sync.watcher.stop();
      await gateway.deletePrefix(rows);
      await gateway.deletePrefix(`${state}/`);
      await sync.restart({ dump: { method: 'mysqldump', program } });
      await sync.caughtUp();
      expect(await gateway.values(rows)).toEqual(native);
      expect(await readFile(`${dir}/runs`, 'utf8')).toBe('run\n');
      await sync.sql(`UPDATE typed SET id = id + 10; INSERT INTO item VALUES (901, 'streamed')`);
      await sync.agrees('item');

      // A tool that fails, and one that is not there.
      await sync.watcher.stop();
      await gateway.deletePrefix(rows);
      await gateway.deletePrefix(`${state}/`);
      await writeFile(program, '#!/bin/sh\necho "no such luck" >&2\nexit 3\n');
      await sync.restart(undefined, { asItIs: true });
      const failed = () => sync.until('it fails', (status) => status.state === 'failed');
      expect((await failed()).last_error).toMatchObject({
        code: 'mysqldump_failed',
        message: expect.stringContaining('no such luck'),
        remedy: expect.stringContaining('dump.method: native'),
      });
      await sync.restart({ dump: { program: `${dir}/nowhere` } }, { asItIs: true });
      expect((await failed()).last_error).toMatchObject({
        code: 'mysqldump_failed',
        message: expect.stringContaining(`${dir}/nowhere`),
      });
      await sync.restart({ dump: { method: 'native' } });
      await sync.agrees('item');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('the older single form, with a DSN', async () => {
    await using database = await createMysqlDatabase(server());
    await database.query(
      'CREATE TABLE thing (id INT PRIMARY KEY, v BIGINT); INSERT INTO thing VALUES (1, 9007199254740993)',
    );
    await using prefix = createPrefix(etcd());
    const { host, port, user, password } = server();
    const dir = await mkdtemp(join(tmpdir(), 'watcher-single-'));
    const base = `json/${database.name}/thing/`;
    const { gateway } = prefix;
    try {
      const config = `
database:
  type: ${flavour}
  connection: "${user}:${password}@tcp(${host}:${port})/${database.name}"
  storage: json
etcd: { endpoints: ["${new URL(etcd().endpoint).host}"], username: "", password: "", state_prefix: ${prefix.state} }
keys: { template: "json/{database}/{table}/{key}" }
api: { port: 0 }
`;
      await using watcher = await startWatcher({ config, dir });
      const { failure } = watcher;
      await until(async () => (await gateway.values(base)).size === 1, { what: 'dump', failure });
      await database.query('INSERT INTO thing VALUES (2, NULL)');
      await until(async () => (await gateway.values(base)).size === 2, { what: 'stream', failure });
      expect(Object.fromEntries(await gateway.values(base))).toEqual({
        [`${base}1`]: '{"id":1,"v":9007199254740993}',
        [`${base}2`]: '{"id":2,"v":null}',
      });
      const { syncs } = (await watcher.get('/v1/syncs')) as { syncs: SyncJson[] };
      expect(syncs).toMatchObject([{ name: 'default', driver: 'mysql', state: 'streaming' }]);
    } finally {
      await gateway.deletePrefix(base);
      await rm(dir, { recursive: true, force: true });
    }
  });
});
