/**
 * The whole service as docs/security.md sets it up: TLS that is verified on every side, client certificates for etcd,
 * the least that the documents grant, tokens; and no secret in anything that it says.
 */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWeakPair } from '../../tools/testenv/certificates.ts';
import { callApi } from '../support/secure-api.ts';
import {
  certificates,
  check,
  closeSecureServers,
  configuration,
  documented,
  expectNoSecret,
  inEtcd,
  type Json,
  openSecureServers,
  ports,
  secrets,
  sql,
  start,
  streams,
} from '../support/secure-service.ts';
import { external } from '../support/servers.ts';
import { until } from '../support/until.ts';

const skipped = external().postgres || external().etcd;

beforeAll(async () => {
  if (!skipped) await openSecureServers();
});
afterAll(closeSecureServers);

async function keysAgree(base: string, count: number): Promise<void> {
  await until(async () => (await inEtcd().list(base)).size === count, {
    what: `${count} keys under ${base}`,
  });
}

describe.skipIf(skipped)('docs/security.md', () => {
  test('the grants of the document are enough: dump, stream, a new table, orders, a publication of its own', async () => {
    await using watcher = await start(configuration());
    await watcher.until('it streams', streams);
    await keysAgree('/inventory/public/products/', 50);
    await sql(
      `DELETE FROM products WHERE id > 40; UPDATE stock SET n = 2`,
      'inventory',
      'app',
      'app',
    );
    await keysAgree('/inventory/public/products/', 40);
    await sql(
      'CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)',
      'inventory',
      'app',
      'app',
    );
    await sql('ALTER PUBLICATION watcherpub_inventory ADD TABLE orders');
    await keysAgree('/inventory/public/orders/', 1);
    expect((await watcher.order('dump')).status).toBe(202);
    await watcher.until('it streams again', streams);
    expect((await watcher.order('stop')).status).toBe(202);
    await watcher.until('it is stopped', ({ state }) => state === 'stopped');
    expect((await watcher.order('start')).status).toBe(202);
    await watcher.until('it streams', streams);
    expect(await watcher.process.stop()).toBe(0);

    const managed = configuration({
      sync: { postgres: { publication: 'p_managed', slot: 's_managed' } },
    });
    await using before = await start(managed);
    const { last_error } = await before.until('it is refused', ({ state }) => state === 'failed');
    expect(last_error).toMatchObject({ code: 'privilege_missing' });
    const [, grants = ''] = await documented('sql');
    await sql(grants);
    await before.order('start');
    await before.until('it streams', streams);
    await sql('INSERT INTO products VALUES (100, NULL)', 'inventory', 'app', 'app');
    await keysAgree('/inventory/public/products/', 41);
  });

  test('tokens and TLS in front of the real service', async () => {
    await using watcher = await start(configuration());
    expect(watcher.process.url).toMatch(/^https:/);
    await expect(callApi(`${watcher.process.url}/healthz`, { ca: '' })).rejects.toThrow();
    expect((await watcher.get('/healthz', '')).status).toBe(200);
    expect((await watcher.get('/metrics', '')).status).toBe(401);
    expect((await watcher.get('/metrics', secrets.wrongToken)).status).toBe(401);
    const { status, headers } = await watcher.get('/metrics');
    expect([status, headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
    expect((await watcher.order('start', secrets.reader)).status).toBe(403);
    expect((await watcher.order('start')).status).toBe(202);
  });

  test('a certificate that OpenSSL does not serve with: a reload changes nothing, a start is refused', async () => {
    const { cert, key } = makeWeakPair();
    await using watcher = await start(configuration());
    await watcher.until('it streams', streams);
    const { configFile } = watcher.process;
    const config = JSON.parse(await readFile(configFile, 'utf8'));
    const before = (await watcher.get('/v1/config')).body;
    const api = { ...config.api, tls: { cert, key } };
    const syncs = { other: config.syncs.inventory };
    await writeFile(configFile, JSON.stringify({ ...config, api, syncs }));
    const refused = await watcher.reload();
    const message = 'is refused by OpenSSL: ee key too small';
    expect(refused.status).toBe(422);
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'config_invalid',
      violations: [{ path: 'api.tls.cert', message }],
    });
    expect((await watcher.get('/v1/config')).body).toBe(before);
    expect((await watcher.get('/v1/syncs/inventory')).status).toBe(200);
    expect(await check({ ...config, api })).toContain(`api.tls.cert: ${message}`);
    await expect(start({ ...config, api })).rejects.toThrow(/has ended \(2\).*ee key too small/s);
  });

  test('no secret is in logs, answers, metrics, etcd, check or errors', async () => {
    const wrong = {
      database: {
        ...(configuration().syncs as { inventory: { database: Json } }).inventory.database,
        password: undefined,
        password_file: 'wrong-password',
      },
      keys: { template: '/inventory/wrong/{schema}/{table}/{key}' },
    };
    const over = {
      sync: { keys: { template: '/inventory/right/{schema}/{table}/{key}' } },
      syncs: { wrong },
    };
    await using watcher = await start(configuration(over));
    await watcher.until('it streams', streams);
    const { last_error } = await watcher.until(
      'a wrong password fails',
      ({ state }) => state === 'failed',
      'wrong',
    );
    expect(last_error?.code).toBe('source_auth_failed');
    await watcher.get(`/v1/syncs?token=${secrets.wrongToken}`);
    await watcher.get('/v1/syncs', secrets.wrongToken);

    const { paths } = JSON.parse((await watcher.get('/openapi.json')).body) as {
      paths: Record<string, Json>;
    };
    const gets = Object.keys(paths).filter((name) => paths[name]?.get !== undefined);
    expect(gets.length).toBeGreaterThan(6);
    for (const name of [...gets, '/readyz?verbose', '/docs/json', '/', '/nothing']) {
      for (const sync of name.includes('{name}') ? ['inventory', 'wrong', 'nope'] : ['']) {
        const answer = await watcher.get(name.replace('{name}', sync), secrets.admin);
        expectNoSecret(`GET ${name}`, JSON.stringify(answer));
      }
    }
    const { configFile } = watcher.process;
    const file = await readFile(configFile, 'utf8');
    for (const [text, status] of [
      [file.replace('watcher"', `${secrets.wrongEtcd}"`), 200],
      [file.replace('"port":0', `"port":"${secrets.wrongToken}"`), 422],
      [file.replace('"port":0', `"port":0,"tokens_file":"${secrets.wrongToken}"`), 422],
    ] as const) {
      expect(text).not.toBe(file);
      await writeFile(configFile, text);
      const answer = await watcher.reload('?dry_run=true');
      expect(answer.status).toBe(status);
      expectNoSecret('reload', JSON.stringify(answer));
    }
    const state = await inEtcd().list('/watcher/');
    expect(state.size).toBeGreaterThan(2);
    for (const { key, value } of state.values()) expectNoSecret(key, value);
    const command = await readFile(`/proc/${watcher.process.pid}/cmdline`, 'utf8');
    expectNoSecret('the command line', command);

    expectNoSecret('check', await check(configuration(over)));
    expect(await watcher.process.stop()).toBe(0);
    expect(watcher.output.length).toBeGreaterThan(20);
    expectNoSecret('the log', watcher.output.join('\n'));
  });

  test('no secret is in what is said of a wrong one, or of a broken file', async () => {
    const wrongEtcd = configuration({
      etcd: { password_file: undefined, password: secrets.wrongEtcd },
    });
    await using watcher = await start(wrongEtcd);
    const { last_error } = await watcher.until(
      'etcd refuses it',
      (status) => status.last_error !== null,
    );
    expect(last_error?.code).toBe('etcd_auth_failed');
    expectNoSecret('the log', watcher.output.join('\n'));
    const refused = await check(wrongEtcd);
    expect(refused).toMatch(/etcd\.password/);
    expectNoSecret('check', refused);

    const port = ports().postgres;
    const older = (password: string) => `log_level: trace
etcd: { endpoints: ["127.0.0.1:1"], dial_timeout: 1s }
database:
  connection: "host=localhost port=${port} dbname=inventory user=watcher password=${password} sslmode=verify-full sslrootcert=${certificates().database.ca}"
`;
    for (const password of [secrets.database, secrets.wrongDatabase]) {
      expectNoSecret('check', await check(older(password)));
    }
    for (const broken of [
      older(`${secrets.database}' "`),
      `database: { connection: ${secrets.database} }`,
      `api: { tokens: [${secrets.admin}] }`,
      `api: { tls: { cert: ${secrets.admin}, key: ${secrets.etcd} } }`,
      `etcd: { password: { ${secrets.etcd}`,
      `etcd: { password_file: ${secrets.etcd} }`,
    ]) {
      const said = await check(broken);
      expect(said).toMatch(/check-\d+\.yml:/);
      expectNoSecret(broken, said);
    }
  });
});

/** A server on another address of this machine, which no certificate names. */
async function elsewhere(port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(target).pipe(client);
  });
  server.listen(0, '127.0.0.2');
  await once(server, 'listening');
  const address = server.address() as { readonly port: number };
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.skipIf(skipped)('who the servers are', () => {
  const failing = async (config: Json) => {
    await using watcher = await start(config);
    const { last_error } = await watcher.until(
      'it says so',
      (status) => status.last_error !== null,
    );
    return last_error;
  };

  test('a database with another authority, or under another name', async () => {
    const expected = { code: 'source_tls_failed', remedy: expect.stringMatching(/database\.tls/) };
    for (const mode of ['verify-ca', 'verify-full']) {
      const database = { tls: { mode, ca: certificates().foreign.ca } };
      expect(await failing(configuration({ database }))).toMatchObject(expected);
    }
    await using other = await elsewhere(ports().postgres);
    const at = { host: '127.0.0.2', port: other.port };
    const ca = certificates().database.ca;
    const full = configuration({ database: { ...at, tls: { mode: 'verify-full', ca } } });
    expect(await failing(full)).toMatchObject({
      ...expected,
      message: expect.stringMatching(/altnames|name/i),
    });
    await using watcher = await start(
      configuration({ database: { ...at, tls: { mode: 'verify-ca', ca } } }),
    );
    await watcher.until('verify-ca does not look at the name', streams);
  });

  test('etcd with another authority, under another name, or that wants a certificate', async () => {
    const { ca, nameless } = certificates().etcd;
    const expected = { code: 'etcd_tls_failed', remedy: expect.stringMatching(/etcd\.tls/) };
    const tls = { ca, cert: nameless.cert, key: nameless.key };
    await using other = await elsewhere(ports().etcd);
    for (const [wrong, message] of [
      [{ tls: { ...tls, ca: certificates().foreign.ca } }, /certificate/],
      [{ tls: { ca } }, /certificate/],
      [
        {
          tls: {
            ca,
            cert: certificates().foreign.clients.app?.cert,
            key: certificates().foreign.clients.app?.key,
          },
        },
        /certificate/,
      ],
      [{ endpoints: [`https://127.0.0.2:${other.port}`], tls }, /127\.0\.0\.2/],
    ] as const) {
      const config = configuration({ etcd: wrong });
      expect(await failing(config)).toMatchObject({
        ...expected,
        message: expect.stringMatching(message),
      });
      expect(await check(config)).toMatch(/FAILURE +connection +The TLS connection to etcd/);
    }
  });

  test('the common name of a client certificate can be the user of etcd', async () => {
    const { ca, clients } = certificates().etcd;
    const tls = { ca, cert: clients.root?.cert, key: clients.root?.key };
    await using watcher = await start(
      configuration({ etcd: { username: '', password_file: undefined, tls } }),
    );
    await watcher.until('it streams', streams);
  });
});
