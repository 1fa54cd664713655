/** Logging in: TLS modes and authentication plugins, on servers of the test's own. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/drivers/mysql/connection.ts';
import type { TlsMode } from '../../src/drivers/mysql/tls.ts';
import { type MysqlServer, startMariadb, startMysql } from '../../tools/testenv/mysql.ts';
import { missing } from '../support/servers.ts';

const signal = new AbortController().signal;

interface Login {
  readonly mode?: TlsMode;
  readonly ca?: string | null;
  readonly host?: string;
  readonly user?: string;
  readonly password?: string;
  readonly port?: number;
}

function suite(start: () => Promise<MysqlServer>, plugins: readonly string[]): void {
  let server: MysqlServer;
  let ca = '';
  beforeAll(async () => {
    server = await start();
    ca = readFileSync(server.certificates?.ca ?? '', 'utf8');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** @returns whether the connection is encrypted, or the code of the error */
  async function login(how: Login): Promise<string> {
    const { mode = 'require', ca: authority = null, ...rest } = how;
    const { host, port, user, password } = server;
    const target = {
      host,
      port,
      user,
      password,
      ...rest,
      tls: { mode, ca: authority },
      applicationName: 'watcher test',
      connectTimeoutMs: 5_000,
    };
    try {
      const connection = await connect(target, signal);
      const [row] = await connection.query("SHOW STATUS LIKE 'Ssl_cipher'");
      await connection.close();
      return row?.Value === '' ? 'plain' : 'encrypted';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  test('modes of TLS', async () => {
    expect(await login({ mode: 'disable' })).toBe('plain');
    expect(await login({ mode: 'prefer' })).toBe('encrypted');
    expect(await login({ mode: 'require' })).toBe('encrypted');
    expect(await login({ mode: 'require', ca })).toBe('encrypted');
    expect(await login({ mode: 'verify-ca', ca })).toBe('encrypted');
    expect(await login({ mode: 'verify-ca' })).toBe('source_tls_failed');
    expect(await login({ mode: 'verify-full' })).toBe('source_tls_failed');
  });

  test('verify-full compares the host, be it a name or an address', async () => {
    expect(await login({ mode: 'verify-full', ca })).toBe('encrypted');
    expect(await login({ mode: 'verify-full', ca, host: 'localhost' })).toBe('encrypted');
    // The same server by an address that is not in its certificate.
    expect(await login({ mode: 'verify-full', ca, host: '127.0.0.2' })).not.toBe('encrypted');
    expect(await login({ mode: 'verify-ca', ca, host: '127.0.0.2' })).not.toBe('source_tls_failed');
  });

  test.each(plugins)('%s, with and without TLS, the first time and again', async (plugin) => {
    const admin = await connect(
      {
        ...server,
        tls: { mode: 'disable', ca: null },
        applicationName: 'test',
        connectTimeoutMs: 5_000,
      },
      signal,
    );
    const password = 'pä ss"word';
    const by = server.flavour === 'mysql' ? `WITH ${plugin} BY '${password}'` : `BY '${password}'`;
    for (const user of ['first_plain', 'first_tls']) {
      await admin.query(`CREATE USER '${user}'@'%' IDENTIFIED ${by}`);
    }
    for (const mode of ['disable', 'require', 'disable'] as const) {
      const expected = mode === 'disable' ? 'plain' : 'encrypted';
      expect(await login({ mode, user: 'first_plain', password })).toBe(expected);
    }
    expect(await login({ mode: 'require', user: 'first_tls', password })).toBe('encrypted');
    expect(await login({ mode: 'disable', user: 'first_tls', password: 'wrong' })).toBe(
      'source_auth_failed',
    );
    expect(await login({ mode: 'require', user: 'first_tls', password: '' })).toBe(
      'source_auth_failed',
    );
    await admin.query(`CREATE USER strict@'%' IDENTIFIED ${by} REQUIRE SSL`);
    expect(await login({ mode: 'disable', user: 'strict', password })).toBe('source_auth_failed');
    expect(await login({ mode: 'prefer', user: 'strict', password })).toBe('encrypted');
    await admin.close();
  });
}

describe.skipIf(missing('mysql') !== undefined)('MySQL', () => {
  suite(
    () =>
      startMysql({
        version: '9.7',
        tls: 'allowed',
        settings: { bind_address: '127.0.0.1,127.0.0.2' },
      }),
    ['caching_sha2_password'],
  );
});

describe.skipIf(missing('mariadb') !== undefined)('MariaDB', () => {
  suite(
    () =>
      startMariadb({
        version: '10.11',
        tls: 'allowed',
        settings: { bind_address: '127.0.0.1,127.0.0.2' },
      }),
    ['mysql_native_password'],
  );
});
