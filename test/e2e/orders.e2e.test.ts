/** The calls of the API against a real sync: orders, problems, fields, metrics (SPEC §8). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { postgres } from '../support/servers.ts';
import { lsn, type SyncJson, startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const setup = `
CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item SELECT n, 'v' FROM generate_series(1, 200) n;
CREATE TABLE note (id int PRIMARY KEY, v text); INSERT INTO note SELECT n, 'n' FROM generate_series(1, 50) n; ANALYZE`;

async function problem(
  response: Response,
): Promise<{ status: number; code: string; type: string }> {
  const { code, title, detail, remedy, status } = (await response.json()) as Record<string, string>;
  expect([title, detail, remedy].every((text) => typeof text === 'string' && text !== '')).toBe(
    true,
  );
  expect(status).toBe(response.status);
  const type = response.headers.get('content-type') ?? '';
  return { status: response.status, code: code ?? '', type: type.split(';')[0] ?? '' };
}

const type = 'application/problem+json';

describe('a sync that streams', () => {
  let sync: TestSync;
  beforeAll(async () => {
    sync = await startSync({ setup });
  });
  afterAll(async () => {
    await sync?.[Symbol.asyncDispose]();
  });

  test('every field is there, with its type', async () => {
    await sync.sql(
      `INSERT INTO item VALUES (300, 'x'); UPDATE item SET v = 'y' WHERE id < 3; DELETE FROM item WHERE id = 3`,
    );
    await sync.caughtUp();
    const number = expect.any(Number);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const position = { lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) };
    const status = await sync.until(
      'it is idle',
      ({ lag, retained_log_bytes: retained }) => lag.seconds === 0 && retained !== null,
    );
    const whole = status as SyncJson & { dump: Record<string, unknown> };
    expect(whole).toEqual({
      name: 'shop',
      driver: 'pgx',
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
        tables: [
          { table: 'public.item', state: 'done', rows: 200, rows_estimated: 200 },
          { table: 'public.note', state: 'done', rows: 50, rows_estimated: 50 },
        ],
      },
      counters: {
        transactions: expect.any(Number),
        inserts: 1,
        updates: 2,
        deletes: 1,
        truncates: 0,
        puts: 253,
        etcd_txns: number,
        bytes: number,
      },
      retained_log_bytes: number,
      checkpoint: { revision: number, committed_at: time },
      warnings: [],
      last_error: null,
    });
    expect([null, 0]).toContain(whole.dump.eta_seconds);
    expect(whole.counters.transactions).toBeGreaterThanOrEqual(1);
    expect(await sync.watcher.get('/v1/syncs')).toEqual({
      syncs: [expect.objectContaining({ name: 'shop' })],
    });
    expect(await sync.watcher.get('/v1/syncs/shop/health')).toMatchObject({});
  });

  test('positions are those of the source, and the checkpoint is where the status says', async () => {
    await sync.sql(`INSERT INTO item VALUES (301, 'x')`);
    await sync.agrees('item');
    await sync.caughtUp();
    const [row] = await sync.sql('SELECT pg_current_wal_lsn()::text AS lsn, now() AS now');
    const { position, source_position, checkpoint } = await sync.until(
      'the sample is new',
      (status) => lsn(status.source_position?.lsn ?? '0/0') > 0n,
    );
    for (const place of [position, source_position]) {
      const bytes = lsn(row?.lsn) - lsn(place?.lsn ?? '0/0');
      expect(Math.abs(Number(bytes))).toBeLessThan(50_000_000);
    }
    const age = Date.parse(row?.now) - Date.parse(checkpoint.committed_at ?? '');
    expect(Math.abs(age)).toBeLessThan(60_000);
    const { gateway, state } = sync.prefix;
    const stored = await gateway.get(`${state}/syncs/shop/checkpoint`);
    expect(Number(stored?.modRevision)).toBeGreaterThanOrEqual(checkpoint.revision ?? 0);
    const published = async () => {
      const text = (await gateway.get(`${state}/syncs/shop/status`))?.value;
      return text !== undefined && (JSON.parse(text) as SyncJson).state === 'streaming';
    };
    await until(published, { what: 'the status is published' });
  });

  test('lag is shown while a transaction is not durable, and in the metrics', async () => {
    const metrics = (await sync.watcher.get('/metrics')) as string;
    expect(metrics).toMatch(/^watcher_\w+\{.*sync="shop".*\} /m);
    expect(metrics).toMatch(/lag_seconds\{[^}]*sync="shop"[^}]*\} 0$/m);
  });

  test.each([
    ['unknown sync', 'GET', '/v1/syncs/nothing', undefined, 404, 'unknown_sync'],
    ['malformed name', 'GET', '/v1/syncs/Not%20a%20name', undefined, 404, 'unknown_sync'],
    ['unknown sync to start', 'POST', '/v1/syncs/nothing/start', undefined, 404, 'unknown_sync'],
    ['unknown path', 'GET', '/v1/nothing', undefined, 404, 'not_found'],
    ['wrong method', 'PUT', '/v1/syncs/shop', undefined, 405, 'method_not_allowed'],
    [
      'wrong method of an order',
      'GET',
      '/v1/syncs/shop/stop',
      undefined,
      405,
      'method_not_allowed',
    ],
    [
      'unknown table',
      'POST',
      '/v1/syncs/shop/dump',
      { tables: ['public.nothing'] },
      422,
      'unknown_table',
    ],
    [
      'misspelt member',
      'POST',
      '/v1/syncs/shop/dump',
      { table: ['public.item'] },
      400,
      'invalid_request',
    ],
    ['unknown query', 'GET', '/v1/syncs?limit=1', undefined, 400, 'invalid_request'],
    [
      'wrong type',
      'POST',
      '/v1/syncs/shop/dump',
      { tables: 'public.item' },
      400,
      'invalid_request',
    ],
  ] as const)('%s: a problem document', async (_, method, path, body, status, code) => {
    const response = await fetch(`${sync.watcher.url}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    expect(await problem(response)).toEqual({ status, code, type });
    if (status === 405)
      expect(response.headers.get('allow')).toMatch(path.endsWith('stop') ? /POST/ : /GET/);
  });

  test('the dump of one table mends it, and touches no other', async () => {
    const { gateway, rows } = sync.prefix;
    await sync.caughtUp();
    await gateway.put(`${rows}public/item/1`, 'damaged');
    await gateway.put(`${rows}public/item/99999`, 'foreign');
    await gateway.put(`${rows}public/note/1`, 'damaged');
    await gateway.deletePrefix(`${rows}public/item/20`);
    const response = await sync.order('dump', { tables: ['public.item'] });
    expect([response.status, await response.json()]).toMatchObject([202, { name: 'shop' }]);
    await sync.sql(`INSERT INTO item VALUES (400, 'meanwhile')`);
    await sync.agrees('item');
    await sync.caughtUp();
    expect((await gateway.get(`${rows}public/note/1`))?.value).toBe('damaged');
    expect((await sync.order('dump')).status).toBe(202);
    await sync.agrees('note');
    await sync.until('it is done', ({ dump }) => dump.state === 'done');
    await until(
      async () => (await gateway.get(`${sync.prefix.state}/syncs/shop/request`)) === undefined,
      { what: 'the request is removed' },
    );
  });

  test('the dump of a table is ordered while the source is away since the start, and done when it is back', async () => {
    const { gateway, rows } = sync.prefix;
    const { port } = sync.database.server;
    await sync.caughtUp();
    await sync.restart({ database: { port: 1 } }, { asItIs: true });
    await sync.until('it backs off', ({ state }) => state === 'backing_off');
    await gateway.put(`${rows}public/item/1`, 'damaged');
    const refused = await sync.order('dump', { tables: ['public.item', 'public.nothing'] });
    expect(await problem(refused)).toEqual({ status: 422, code: 'unknown_table', type });
    expect((await sync.order('dump', { tables: ['public.item'] })).status).toBe(202);
    await sync.restart({ database: { port } });
    await sync.agrees('item');
  });

  test('stop and start: idempotent, kept in etcd, and the stopped one says what it retains', async () => {
    const { gateway, state } = sync.prefix;
    for (let round = 1; round <= 2; round += 1) expect((await sync.order('stop')).status).toBe(202);
    await sync.until('it is stopped', (status) => status.state === 'stopped');
    expect((await gateway.get(`${state}/syncs/shop/desired`))?.value).toMatch(/stopped/);
    expect(await problem(await sync.order('dump'))).toMatchObject({
      status: 409,
      code: 'sync_stopped',
    });
    expect((await fetch(`${sync.watcher.url}/v1/syncs/shop/health`)).status).toBe(503);
    await sync.sql(
      `INSERT INTO note SELECT n, repeat('w', 1000) FROM generate_series(1000, 6000) n`,
    );
    const retained = await sync.until(
      'it says so',
      (status) => (status.retained_log_bytes ?? 0) > 5_000_000,
      25_000,
    );
    expect(retained).toMatchObject({ state: 'stopped', desired: 'stopped' });
    await sync.restart(undefined, { asItIs: true });
    await sync.until(
      'it is still stopped',
      ({ desired, retained_log_bytes }) => desired === 'stopped' && retained_log_bytes !== null,
    );
    for (let round = 1; round <= 2; round += 1)
      expect((await sync.order('start')).status).toBe(202);
    await sync.agrees('note');
    await sync.until(
      'it retains little again',
      (status) => (status.retained_log_bytes ?? 1e9) < 5_000_000,
      30_000,
    );
    expect(await sync.status()).toMatchObject({ desired: 'running', state: 'streaming' });
  });
});

test('stop in the dump: interrupted; start dumps from the beginning', async () => {
  await using sync = await startSync({
    setup: `${setup}; INSERT INTO item SELECT n, repeat('x', 200) FROM generate_series(1001, 60000) n`,
    asItIs: true,
  });
  await sync.until(
    'it dumps',
    ({ counters, state }) => state === 'dumping' && (counters.puts ?? 0) > 0,
  );
  expect(await problem(await sync.order('dump'))).toMatchObject({
    status: 409,
    code: 'dump_running',
  });
  await sync.order('stop');
  const { dump } = await sync.until('it is stopped', ({ state }) => state === 'stopped');
  expect(dump.state).toBe('interrupted');
  await sync.sql(`DELETE FROM item WHERE id % 2 = 0`);
  await sync.order('start');
  await sync.agrees('item', 60_000);
  await sync.agrees('note');
  expect(await sync.until('done', ({ dump }) => dump.state === 'done')).toMatchObject({
    dump: { percent: 100 },
  });
});

test('autostart: false waits for an order', async () => {
  await using sync = await startSync({ setup, asItIs: true, config: { autostart: false } });
  await until(async () => (await fetch(`${sync.watcher.url}/readyz`)).ok, { what: 'ready' });
  expect(await sync.status()).toMatchObject({ state: 'stopped', desired: 'stopped' });
  expect((await sync.prefix.gateway.values(sync.prefix.rows)).size).toBe(0);
  await sync.order('start');
  await sync.agrees('item');
});

test('dump.mode: never', async () => {
  await using sync = await startSync({ setup, config: { dump: { mode: 'never' } } });
  await sync.sql(`INSERT INTO item VALUES (300, 'streamed')`);
  await until(async () => (await sync.keys('item')).size === 1, {
    what: 'what is new is there alone',
  });
  await sync.watcher.stop();
  await sync.sql(`SELECT pg_drop_replication_slot('s_${sync.database.name}')`);
  await sync.restart(undefined, { asItIs: true });
  const { last_error } = await sync.until('it fails', ({ state }) => state === 'failed');
  expect(last_error).toMatchObject({
    code: 'dump_needed',
    remedy: expect.stringContaining('dump.mode: initial'),
  });
});

test('an idle database retains no log while another one is busy', async () => {
  await using sync = await startSync({ setup });
  await sync.caughtUp();
  await using busy = await createDatabase(postgres(18));
  await busy.query('CREATE TABLE busy (v text)');
  const confirmed = async () => {
    const [row] = await sync.sql(
      `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 's_${sync.database.name}'`,
    );
    return lsn(row?.lsn);
  };
  for (let round = 0; round < 2; round += 1) {
    await busy.query(`INSERT INTO busy SELECT repeat('b', 1000) FROM generate_series(1, 10000)`);
    const [row] = await busy.query('SELECT pg_current_wal_lsn()::text AS lsn');
    await until(async () => (await confirmed()) >= lsn(row?.lsn), {
      what: 'the slot is confirmed',
    });
  }
  const idle = await sync.until(
    'no lag',
    ({ lag }) => lag.seconds === 0 && (lag.bytes ?? 1e9) < 1_000_000,
  );
  expect(idle.counters).toMatchObject({ transactions: 0 });
});
