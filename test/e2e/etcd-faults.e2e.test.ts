/** What goes wrong at etcd: it waits, loses nothing, and says what to do (SPEC §2.5, §2.6, §8). */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type EtcdServer, startEtcd } from '../../tools/testenv/etcd.ts';
import { authenticate, enableEtcdAuth } from '../../tools/testenv/etcd-auth.ts';
import { external } from '../support/servers.ts';
import { startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const setup = `CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT n, 'v' FROM generate_series(1, 100) n`;

async function check(configFile: string): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [program, 'check', '-c', configFile]);
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code, out };
}

async function statusOf(sync: TestSync, path: string): Promise<number> {
  return (await fetch(`${sync.watcher.url}${path}`)).status;
}

/** Waits until the detail of `/readyz` says so. */
async function readyz(sync: TestSync, expected: object): Promise<void> {
  const ask = async () => {
    const { etcd } = (await sync.watcher.get('/readyz?verbose')) as { etcd: object };
    return expect.objectContaining(expected).asymmetricMatch(etcd);
  };
  await until(ask, { what: `readyz says ${JSON.stringify(expected)}` });
}

describe.skipIf(external().etcd)('etcd of its own', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await startEtcd();
  });
  // A test that failed may have left it stopped.
  afterEach(() => server.start());
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  test('down at start: the API answers, and it begins when etcd comes', async () => {
    await server.stop();
    await using sync = await startSync({ etcd: server, setup, asItIs: true });
    expect(await statusOf(sync, '/healthz')).toBe(200);
    expect(await statusOf(sync, '/readyz')).toBe(503);
    const status = await sync.until('it says so', ({ state }) => state === 'backing_off');
    expect(status.last_error).toMatchObject({
      code: 'etcd_unavailable',
      remedy: expect.stringMatching(/etcd\.endpoints/),
      retry_at: expect.any(String),
    });
    expect(await sync.watcher.get('/metrics')).toMatch(
      /^watcher_errors_total\{.*etcd_unavailable.*\} [1-9]/m,
    );
    const refused = await sync.order('stop');
    expect([refused.status, await refused.json()]).toMatchObject([
      503,
      { code: 'etcd_unavailable' },
    ]);
    expect((await sync.status()).desired).toBe('running');
    await server.start();
    await until(async () => (await statusOf(sync, '/readyz')) === 200, { what: 'ready' });
    await sync.agrees('item');
    await sync.caughtUp();
    expect((await sync.status()).last_error).toBeNull();
  });

  test.each(['stop', 'kill'] as const)(
    'away in mid-stream (%s): waits and loses nothing',
    async (how) => {
      await using sync = await startSync({ etcd: server, setup });
      await sync.caughtUp();
      await server[how]();
      await sync.sql(
        `UPDATE item SET v = 'unseen'; INSERT INTO item VALUES (200, 'new'); DELETE FROM item WHERE id = 1`,
      );
      const away = await sync.until('it lags', ({ lag }) => (lag.seconds ?? 0) > 1);
      expect(away.state).not.toBe('failed');
      expect(await statusOf(sync, '/readyz')).toBe(200);
      await readyz(sync, { ever_reached: true, reachable: false, message: expect.any(String) });
      await server.start();
      await sync.sql(`INSERT INTO item VALUES (201, 'later')`);
      await sync.agrees('item');
      await sync.caughtUp();
      const back = await sync.until(
        'it is well',
        ({ last_error, lag }) => last_error === null && lag.seconds === 0,
      );
      expect(back.state).toBe('streaming');
      await readyz(sync, { reachable: true, message: null });
    },
  );

  test('away for longer than the lease, in a dump as well', async () => {
    await using sync = await startSync({
      etcd: server,
      setup: `${setup}; CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT n, repeat('x', 200) FROM generate_series(1, 60000) n`,
      asItIs: true,
    });
    await sync.until('it dumps', ({ counters }) => (counters.puts ?? 0) > 0);
    server.pause();
    try {
      await sync.sql(`DELETE FROM big WHERE id % 2 = 0; UPDATE item SET v = 'w'`);
      await sync.until(
        'it says so',
        ({ last_error, state }) => last_error !== null || state !== 'dumping',
        60_000,
      );
    } finally {
      server.resume();
    }
    await sync.agrees('item', 60_000);
    await sync.agrees('big', 60_000);
    await sync.caughtUp();
    expect((await sync.status()).dump.state).toBe('done');
  });

  test('SIGTERM while etcd is away: exit 0, and nothing is abandoned', async () => {
    await using sync = await startSync({ etcd: server, setup });
    await server.stop();
    try {
      await sync.sql(`UPDATE item SET v = 'unseen'`);
      expect(await sync.watcher.stop()).toBe(0);
      expect(sync.watcher.log.at(-1)).toMatchObject({ msg: 'stopped' });
    } finally {
      await server.start();
    }
    await sync.restart();
    await sync.agrees('item');
  });

  test('frozen: an order is refused as to an etcd that is away; SIGTERM: exit 0, and nothing is abandoned', async () => {
    await using sync = await startSync({ etcd: server, setup });
    server.pause();
    try {
      for (const order of ['stop', 'dump'] as const) {
        const refused = await sync.order(order);
        const problem = { status: refused.status, body: await refused.json() };
        expect(problem).toMatchObject({ status: 503, body: { code: 'etcd_unavailable' } });
      }
      expect(await sync.watcher.stop()).toBe(0);
      expect(sync.watcher.log.at(-1)).toMatchObject({ msg: 'stopped' });
    } finally {
      server.resume();
    }
  });

  test('a second signal ends it at once, with 1', async () => {
    await using sync = await startSync({ etcd: server, setup });
    // Giving up the leadership takes until etcd's deadline.
    server.pause();
    try {
      const { pid, log, ended } = sync.watcher;
      process.kill(pid, 'SIGTERM');
      await until(() => log.some(({ msg }) => msg === 'stopping'), { what: 'the first was seen' });
      process.kill(pid, 'SIGINT');
      expect(await ended).toBe(1);
    } finally {
      server.resume();
    }
  });

  test('a row that no request can carry: the table, the key and the size, never the value', async () => {
    await using sync = await startSync({
      etcd: server,
      setup: `CREATE TABLE doc (id int PRIMARY KEY, body text, title text); INSERT INTO doc VALUES (1, 'small', 't')`,
    });
    await sync.sql(
      `INSERT INTO doc VALUES (2, repeat('SECRET', 400000), 'large'); INSERT INTO doc VALUES (3, 'behind', 't')`,
    );
    const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
    expect(last_error).toMatchObject({
      code: 'row_too_large',
      message: expect.stringMatching(/public\.doc.*doc\/2.* 24\d{5} bytes/),
      remedy: expect.stringMatching(/columns\.exclude.*--max-request-bytes/),
    });
    expect(JSON.stringify([last_error, sync.watcher.log])).not.toContain('SECRETSECRET');
    await sync.restart({ columns: { exclude: ['public.doc.body'] } });
    await sync.agrees({ table: 'doc', columns: 't.id, t.title' });
    await sync.caughtUp();
    expect((await sync.status()).last_error).toBeNull();
  });

  test('rows close to the limit pass, one by one and many in a transaction', async () => {
    await using sync = await startSync({ etcd: server, setup });
    await sync.sql(
      `INSERT INTO item SELECT n, repeat('y', 1300000) FROM generate_series(1001, 1004) n; UPDATE item SET v = 'z' || v WHERE id > 1000`,
    );
    await sync.agrees('item');
  });

  // Last: it turns authentication on.
  test('users: what is refused, and one that may do just what is needed', async () => {
    await enableEtcdAuth(server, 'secret', [
      { name: 'app', password: 'pass', prefixes: ['/rows/', '/state/'] },
      { name: 'half', password: 'pass', prefixes: ['/state/'] },
      { name: 'reader', password: 'pass', prefixes: ['/rows/', '/state/'], readOnly: true },
    ]);
    const target = { ...server, token: await authenticate(server, 'root', 'secret') };
    const as = (username: string, password: string) => ({
      etcd: target,
      setup,
      settings: { etcd: { username, password, state_prefix: '/state' } },
      config: { keys: { template: '/rows/{schema}/{table}/{key}' } },
      asItIs: true,
    });
    {
      await using wrong = await startSync(as('app', 'not it'));
      const { last_error } = await wrong.until('it fails', (status) => status.state === 'failed');
      expect(last_error).toMatchObject({
        code: 'etcd_auth_failed',
        remedy: expect.stringMatching(/etcd\.username/),
      });
      expect(JSON.stringify(wrong.watcher.log)).not.toContain('not it');
    }
    {
      await using half = await startSync(as('half', 'pass'));
      const { last_error } = await half.until('it fails', (status) => status.state === 'failed');
      expect(last_error).toMatchObject({
        code: 'etcd_permission_denied',
        remedy: expect.stringMatching(/etcdctl role grant-permission/),
      });
    }
    {
      await using reader = await startSync(as('reader', 'pass'));
      const { code, out } = await check(reader.watcher.configFile);
      expect(code).toBe(1);
      expect(out).toMatch(/FAILURE {2}own keys .*\n.*grant-permission/);
      expect(out).toMatch(/FAILURE {2}keys of shop .*\n.*grant-permission/);
      expect(out).toMatch(/2 failures/);
    }
    await using sync = await startSync(as('app', 'pass'));
    expect(await check(sync.watcher.configFile)).toMatchObject({ code: 0 });
    await sync.agrees({ table: 'item', base: '/rows/public/item/' });
    await sync.sql('DELETE FROM item WHERE id < 50');
    await sync.agrees({ table: 'item', base: '/rows/public/item/' });
  });
});
