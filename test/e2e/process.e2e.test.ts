/** The process: exit codes, signals, `check`, and the older configuration (SPEC §3, §4). */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { createDatabase } from '../support/database.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { startSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const setup = 'CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (1, NULL)';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watcher-process-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function watcher(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, out, err };
}

let files = 0;
async function file(content: string | object): Promise<string> {
  const path = join(dir, `${++files}.yml`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function signal(pid: number, name: NodeJS.Signals): void {
  process.kill(pid, name);
}

describe('configuration', () => {
  test('malformed YAML: exit 2, with the line', async () => {
    const path = await file('syncs:\n  a: {driver: pgx\n  b: ]\n');
    for (const command of ['run', 'check']) {
      const { code, err, out } = await watcher(command, '-c', path);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(new RegExp(`${path}:\\d+`));
    }
  });

  test('every violation at once, each with its path and line, unknown keys with the nearest', async () => {
    const path = await file(
      `log_level: loud
etcd:
  endpoint: [localhost:2379]
syncs:
  Shop:
    driver: pgx
    database: { host: localhost, name: a, password: "\${NOT_SET_ANYWHERE}" }
  b:
    driver: oracle
    database: { host: localhost }
    tabels: {}
`,
    );
    const { code, err } = await watcher('-c', path);
    expect(code).toBe(2);
    const lines = err.trim().split('\n');
    for (const [line, what] of [
      [1, /log_level/],
      [3, /endpoint.*endpoints/],
      [5, /Shop/],
      [7, /NOT_SET_ANYWHERE/],
      [9, /driver/],
      [10, /name/],
      [11, /tabels.*tables/],
    ] as const) {
      expect(
        lines.find((found) => found.startsWith(`${path}:${line}`) && what.test(found)),
        `${line} in ${err}`,
      ).toBeDefined();
    }
  });

  test('no such file, wrong usage, --help, --version', async () => {
    expect((await watcher('-c', join(dir, 'missing.yml'))).code).toBe(2);
    expect((await watcher('--nonsense')).code).toBe(2);
    expect((await watcher('run')).code).toBe(2);
    expect(await watcher('--help')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Usage: watcher/),
    });
    expect(await watcher('--version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test('the older single form, with the keys of that time', async () => {
    const server = postgres(15);
    await using database = await createDatabase(server);
    const table = `item_${database.name}`;
    await database.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, v int8); INSERT INTO ${table} VALUES (1, 9007199254740993)`,
    );
    await using prefix = createPrefix(etcd());
    const { host, port, user, password } = server;
    const config = `database:
  driver: pgx
  host: ${host}
  port: ${port}
  user: ${user}
  password: ${password}
  name: ${database.name}
etcd:
  endpoints: ["${new URL(etcd().endpoint).host}"]
  username: ""
  password: ""
  state_prefix: ${prefix.state}
keys:
  template: "json/{table}/{key}"
tables: { include: [public.${table}] }
api: { port: 0 }
`;
    await using process = await startWatcher({ config, dir });
    const { gateway } = prefix;
    const values = () => gateway.values(`json/${table}/`);
    try {
      await until(async () => (await values()).size === 1, {
        what: 'the dump',
        failure: process.failure,
      });
      await database.query(`INSERT INTO ${table} VALUES (2, NULL)`);
      await until(async () => (await values()).size === 2, {
        what: 'the stream',
        failure: process.failure,
      });
      expect(await values()).toEqual(
        new Map([
          [`json/${table}/1`, '{"id":1,"v":9007199254740993}'],
          [`json/${table}/2`, '{"id":2,"v":null}'],
        ]),
      );
      expect(await process.get('/v1/syncs/default')).toMatchObject({
        name: 'default',
        driver: 'pgx',
      });
      const slots = await database.query(
        `SELECT slot_name FROM pg_replication_slots WHERE database = current_database()`,
      );
      expect(slots).toEqual([{ slot_name: 'watchersub' }]);
      const publications = await database.query('SELECT pubname FROM pg_publication');
      expect(publications).toEqual([{ pubname: 'watcherpub' }]);
    } finally {
      await process.kill();
      await gateway.deletePrefix(`json/${table}/`);
    }
  });
});

describe('signals and ports', () => {
  test('SIGTERM and SIGINT: exit 0, and the leadership is given up', async () => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      await using sync = await startSync({ setup });
      signal(sync.watcher.pid, name);
      expect(await sync.watcher.ended).toBe(0);
      expect(sync.watcher.log.at(-1)).toMatchObject({ msg: 'stopped' });
      const state = [...(await sync.prefix.gateway.list(`${sync.prefix.state}/`)).keys()];
      expect(state.filter((key) => /leader|status/.test(key))).toEqual([]);
      expect(state.some((key) => key.endsWith('/checkpoint'))).toBe(true);
      await until(
        async () => {
          const sql = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'watcher%'`;
          return (await sync.sql(sql)).length === 0;
        },
        { what: 'its connections are closed' },
      );
    }
  });

  test('SIGTERM while a client has sent half a request: exit 0, and nothing is abandoned', async () => {
    await using sync = await startSync({ setup });
    const { hostname, port } = new URL(sync.watcher.url);
    const client = connect(Number(port), hostname);
    await once(client, 'connect');
    client.on('error', () => {}).write('GET / HTTP/1.1\r\n');
    // Answered behind it: the half has arrived.
    await sync.status();
    expect(await sync.watcher.stop()).toBe(0);
    expect(sync.watcher.log.at(-1)).toMatchObject({ msg: 'stopped' });
    client.destroy();
  });

  test('SIGHUP does not end it', async () => {
    await using sync = await startSync({ setup });
    signal(sync.watcher.pid, 'SIGHUP');
    await sync.sql(`INSERT INTO item VALUES (2, 'after')`);
    await sync.agrees('item');
    await until(() => sync.watcher.log.some(({ msg }) => /SIGHUP/.test(msg)), {
      what: 'it is logged',
    });
  });

  test('a port that is taken: exit 1, and the log says which', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { host } = new URL(etcd().endpoint);
    const config = {
      api: { port },
      etcd: { endpoints: [host] },
      syncs: { a: { autostart: false, database: { host: '127.0.0.1', name: 'a' } } },
    };
    const { code, out } = await watcher('-c', await file(config));
    taken.close();
    expect(code).toBe(1);
    expect(out).toContain(`127.0.0.1:${port}`);
  });

  test('logs are JSON lines with level, time and msg, and without secrets', async () => {
    await using sync = await startSync({ setup });
    await sync.caughtUp();
    for (const line of sync.watcher.log) {
      expect(line).toMatchObject({
        level: expect.stringMatching(/^(trace|debug|info|warn|error|fatal)$/),
        msg: expect.any(String),
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      });
    }
    expect(JSON.stringify(sync.watcher.log)).not.toContain(sync.database.server.password);
  });
});

describe('check', () => {
  async function check(sql: string, sync: object = {}, database: object = {}): Promise<Ended> {
    await using source = await createDatabase(postgres(18));
    await source.query(sql);
    const { host, port, user, password } = source.server;
    const login = { host, port, user, password, name: source.name, ...database };
    const config = {
      etcd: { endpoints: [new URL(etcd().endpoint).host] },
      syncs: { shop: { database: login, ...sync } },
    };
    const result = await watcher('check', '-c', await file(config));
    const made = await source.query(
      'SELECT pubname FROM pg_publication UNION ALL SELECT slot_name FROM pg_replication_slots WHERE database = current_database()',
    );
    expect(made).toEqual([]);
    return result;
  }

  test('all well: exit 0, and nothing is changed', async () => {
    const { code, out } = await check(setup);
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/wal_level/) });
    expect(out).toMatch(/public\.item/);
  });

  test('warnings alone: exit 0, with the remedy', async () => {
    const { code, out } = await check(`${setup}; CREATE TABLE keyless (v int)`);
    expect(code).toBe(0);
    expect(out).toMatch(/keyless[\s\S]*PRIMARY KEY/);
  });

  test('failures: exit 1, with what mends each', async () => {
    const publication = await check(setup, { postgres: { manage_publication: false } });
    expect(publication).toMatchObject({
      code: 1,
      out: expect.stringMatching(/CREATE PUBLICATION/),
    });
    const password = await check(setup, {}, { password: 'wrong-one' });
    expect(password).toMatchObject({ code: 1, out: expect.stringMatching(/database\.password/) });
    expect(password.out + password.err).not.toContain('wrong-one');
    const unreachable = await check(setup, {}, { port: 1 });
    expect(unreachable).toMatchObject({ code: 1, out: expect.stringMatching(/127\.0\.0\.1:1/) });
  });

  test('etcd that is not there: exit 1', async () => {
    const config = {
      etcd: { endpoints: ['127.0.0.1:1'], dial_timeout: '1s' },
      syncs: { a: { database: { host: '127.0.0.1', port: 1, name: 'a' } } },
    };
    const { code, out } = await watcher('check', '-c', await file(config));
    expect({ code, out }).toMatchObject({ code: 1, out: expect.stringMatching(/etcd/) });
  });
});
