/** Users, roles, tokens, TLS, several members. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TlsOptions } from '../../src/etcd/channel.ts';
import { grantLease } from '../../src/etcd/lease.ts';
import { watch } from '../../src/etcd/watch.ts';
import type { CertificateFiles } from '../../tools/testenv/certificates.ts';
import { startEtcd } from '../../tools/testenv/etcd.ts';
import { authenticate, enableEtcdAuth } from '../../tools/testenv/etcd-auth.ts';
import { batchOf, clientOf, loadedSink, never, put, remove } from '../support/etcd-batch.ts';
import { createPrefix } from '../support/prefix.ts';

const user = { name: 'app', password: 'app-secret' };

async function startWithUser() {
  const server = await startEtcd();
  const names = createPrefix(server);
  const prefixes = [names.rows, `${names.state}/`];
  await enableEtcdAuth(server, 'root-secret', [{ ...user, prefixes }]);
  const token = await authenticate(server, 'root', 'root-secret');
  return { server, prefix: createPrefixOf(names, server, token) };
}

/** The names of one prefix, seen by root. */
function createPrefixOf(
  { rows, state }: ReturnType<typeof createPrefix>,
  server: Awaited<ReturnType<typeof startEtcd>>,
  token: string,
): ReturnType<typeof createPrefix> {
  return { ...createPrefix({ ...server, token }), rows, state };
}

test('a role for the two prefixes is enough for everything that a sync does', async () => {
  const { server, prefix } = await startWithUser();
  await using _ = server;
  using client = clientOf(server.addresses, { user });
  await client.connect(`${prefix.state}/syncs/test/checkpoint`, 5_000);
  const sink = await loadedSink(prefix, { client });
  const ops = Array.from({ length: 500 }, (_, index) => put(prefix.rows, `${index}`));
  const clears = [{ from: prefix.rows, to: `${prefix.rows.slice(0, -1)}0` }];
  await sink.write(batchOf([...ops, remove(prefix.rows, 'x')], { clears }), never);
  expect(await sink.count(prefix.rows, never)).toBe(500);
  expect((await sink.read([`${prefix.rows}1`], never)).size).toBe(1);
  const lease = await grantLease({ client, ttlSeconds: 5, signal: never });
  await client.put({ key: `${prefix.state}/syncs/test/status`, value: '', lease: lease.id });
  await lease.revoke();
});

test('keys outside the role are refused as such, to writes, reads and watches', async () => {
  const { server, prefix } = await startWithUser();
  await using _ = server;
  using client = clientOf(server.addresses, { user });
  const sink = await loadedSink(prefix, { client });
  const denied = { code: 'etcd_permission_denied' };
  const foreign = batchOf([put('/elsewhere/', 'a')]);
  await expect(sink.write(foreign, never)).rejects.toMatchObject(denied);
  await expect(sink.count('/elsewhere/', never)).rejects.toMatchObject(denied);
  const options = { client, key: '/elsewhere/', end: null, revision: 0n, signal: never };
  await expect(watch(options).next()).rejects.toMatchObject(denied);
  await sink.write(batchOf([put(prefix.rows, 'a')]), never);
});

test('a wrong password, an unknown user and no user are told apart from an etcd that is away', async () => {
  const { server } = await startWithUser();
  await using _ = server;
  for (const wrong of [{ name: 'app', password: 'no' }, { name: 'nobody', password: 'x' }, null]) {
    using client = clientOf(server.addresses, { user: wrong });
    await expect(client.connect('/', 5_000)).rejects.toMatchObject({
      code: 'etcd_auth_failed',
      recovery: 'operator',
    });
  }
});

test('a user at an etcd without authentication does no harm', async () => {
  await using server = await startEtcd();
  using client = clientOf(server.addresses, { user });
  await client.put({ key: '/a', value: '1' });
});

test('a token that has expired is renewed, for calls and for watches', async () => {
  const { server, prefix } = await startWithUser();
  await using _ = server;
  using client = clientOf(server.addresses, { user });
  const sink = await loadedSink(prefix, { client });
  await sink.write(batchOf([put(prefix.rows, 'a', '1')]), never);
  // A restart forgets the tokens that are older than the last write, at once and for certain.
  await server.stop();
  await server.start();
  await sink.write(batchOf([put(prefix.rows, 'a', '2')]), never);
  await server.stop();
  await server.start();
  const events = watch({ client, key: `${prefix.rows}a`, end: null, revision: 1n, signal: never });
  const values = [(await events.next()).value?.value, (await events.next()).value?.value];
  expect(values).toEqual(['1', '2']);
  await events.return(undefined as never);
});

function tlsOf({ ca }: CertificateFiles, client?: { cert: string; key: string }): TlsOptions {
  return {
    ca: readFileSync(ca),
    cert: client === undefined ? null : readFileSync(client.cert),
    key: client === undefined ? null : readFileSync(client.key),
  };
}

test('TLS: with the right authority only', async () => {
  await using server = await startEtcd({ tls: 'server' });
  const certificates = server.certificates as CertificateFiles;
  using client = clientOf(server.addresses, { tls: tlsOf(certificates) });
  await client.put({ key: '/a', value: '1' });

  const none: TlsOptions = { ca: null, cert: null, key: null };
  using foreign = clientOf(server.addresses, { tls: none });
  await expect(foreign.connect('/', 1_000)).rejects.toMatchObject({ code: 'etcd_tls_failed' });
  using plain = clientOf(server.addresses, { tls: null });
  await expect(plain.connect('/', 1_000)).rejects.toMatchObject({ code: 'etcd_unavailable' });
});

test('mutual TLS: with a client certificate only', async () => {
  await using server = await startEtcd({ tls: 'mutual' });
  const certificates = server.certificates as CertificateFiles;
  const tls = tlsOf(certificates, certificates.clients.app);
  using client = clientOf(server.endpoints, { tls });
  await client.put({ key: '/a', value: '1' });
  using other = clientOf(server.addresses, { tls: tlsOf(certificates) });
  await expect(other.connect('/', 1_000)).rejects.toMatchObject({ code: 'etcd_tls_failed' });
});

test('three members: writes go on exactly once when the one in use dies or freezes', async () => {
  await using server = await startEtcd({ clusterOf: 3 });
  await using prefix = createPrefix({ ...server, endpoint: server.endpoints[2] ?? '' });
  using client = clientOf(server.addresses, { callTimeoutMs: 1_000 });
  const sink = await loadedSink(prefix, { client, writeTimeoutMs: 1_000 });
  const [first, second] = server.members;
  const count = 30;
  for (let batch = 1; batch <= count; batch += 1) {
    const written = sink.write(batchOf([put(prefix.rows, 'a', `${batch}`)]), never);
    if (batch === 10) await first?.kill();
    if (batch === 15) await first?.start();
    if (batch === 20) second?.pause();
    await written;
  }
  expect(await prefix.gateway.get(`${prefix.rows}a`)).toMatchObject({
    value: `${count}`,
    version: BigInt(count),
  });
  second?.resume();
});
