/**
 * `npm run demo`: a PostgreSQL, an etcd and Watcher between them, for a person to look at. With `--exit` it stops by
 * itself; the exit code is 0 only if etcd and the database agree at the end.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as timeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type EtcdGateway, etcdGateway } from '../test/support/etcd-gateway.ts';
import { until } from '../test/support/until.ts';
import { compare } from './demo/compare.ts';
import { schema, startShopWriter } from './demo/shop.ts';
import { openEtcd, openPostgres } from './testenv/environment.ts';
import { interruption } from './testenv/interrupt.ts';
import { postgresMajors } from './testenv/postgres-programs.ts';
import { startWatcher, type WatcherProcess } from './testenv/watcher.ts';

const usage = `Usage: npm run demo -- [--exit]

Starts PostgreSQL, etcd and Watcher on loopback, fills a small shop, changes it all the time and shows what arrives in etcd.
It goes on until Ctrl-C; with --exit for about 15 seconds, then the exit code says whether etcd and the database agree.`;

const boundedMs = 15_000;
const shownEveryMs = 2_000;
const shownEvents = 6;

interface SyncJson {
  readonly state: string;
  readonly position: { readonly lsn: string } | null;
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null };
  readonly dump: { readonly state: string; readonly percent: number | null };
  readonly counters: { readonly transactions: number; readonly puts: number };
  readonly last_error: { readonly message: string; readonly remedy: string } | null;
}

function configuration(database: string, server: URL, endpoint: string): string {
  return `api:
  port: 0
etcd:
  endpoints: ["${new URL(endpoint).host}"]
syncs:
  shop:
    driver: pgx
    database:
      host: ${server.hostname}
      port: ${server.port}
      name: ${database}
      user: ${decodeURIComponent(server.username)}
      password: "\${DEMO_PASSWORD}"
    tables: { include: ["public.*"] }
`;
}

function print(...lines: string[]): void {
  for (const line of lines) console.log(line);
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}

async function run(exit: boolean): Promise<boolean> {
  const stopped = interruption();
  print('Starting PostgreSQL and etcd; the first time, they are downloaded …');
  await using postgres = await openPostgres(postgresMajors.at(-1) ?? 18);
  await using etcd = await openEtcd();
  const server = new URL(postgres.address.url);
  const database = `shop_${process.pid}`;
  const admin = new pg.Client({ connectionString: postgres.address.url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  await admin.end();
  const shopUrl = new URL(server);
  shopUrl.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: shopUrl.href });
  await client.connect();
  await client.query(schema);

  const dir = await mkdtemp(join(tmpdir(), 'watcher-demo-'));
  const config = configuration(database, server, etcd.address.endpoint);
  print('', `PostgreSQL ${postgres.address.major} and etcd ${etcd.address.version} run.`);
  print('Watcher starts with this configuration:', '', indent(config), '');
  const gateway = etcdGateway(etcd.address);
  try {
    await using watcher = await startWatcher({
      config,
      dir,
      env: { DEMO_PASSWORD: decodeURIComponent(server.password) },
    });
    // Not AbortSignal.timeout: Node 20 may collect it while only AbortSignal.any refers to it.
    const bound = new AbortController();
    if (exit) setTimeout(() => bound.abort(), boundedMs);
    introduce(watcher, etcd.address.endpoint);
    const writer = await startShopWriter(shopUrl.href);
    await show(watcher, gateway, exit ? AbortSignal.any([stopped, bound.signal]) : stopped);
    await writer.stop();
    print('', `The writer stopped after ${writer.committed} transactions.`);
    const agree = await conclude(client, watcher, gateway);
    print(`Watcher ended with exit code ${await watcher.stop()}.`);
    return agree;
  } finally {
    await client.end();
    await rm(dir, { recursive: true, force: true });
  }
}

function introduce(watcher: WatcherProcess, endpoint: string): void {
  print(
    `Status      curl ${watcher.url}/v1/syncs/shop`,
    `Stop, start curl -X POST ${watcher.url}/v1/syncs/shop/stop   (or /start, /dump)`,
    `Dashboard   ${watcher.url}/`,
    `Swagger UI  ${watcher.url}/docs`,
    `Metrics     ${watcher.url}/metrics`,
    `etcd        ETCDCTL_API=3 etcdctl --endpoints ${endpoint} watch --prefix /shop/`,
    '',
  );
}

/** Prints the status and what changed in etcd, from time to time. */
async function show(
  watcher: WatcherProcess,
  gateway: EtcdGateway,
  stopped: AbortSignal,
): Promise<void> {
  await using events = await gateway.watchPrefix('/shop/');
  let shown = 0;
  while (!stopped.aborted) {
    await Promise.race([pause(shownEveryMs, stopped), watcher.failure, events.failure]);
    const sync = (await watcher.get('/v1/syncs/shop')) as SyncJson;
    print(summary(sync));
    const fresh = events.events.slice(shown);
    shown += fresh.length;
    for (const event of fresh.slice(-shownEvents)) {
      const text = event.type === 'put' ? event.value : '';
      print(`    ${event.type.padEnd(6)} ${event.key} ${text}`.slice(0, 150));
    }
    if (fresh.length > shownEvents) print(`    … and ${fresh.length - shownEvents} more`);
  }
}

function summary(sync: SyncJson): string {
  const { state, position, lag, dump, counters, last_error: error } = sync;
  const place = `at ${position?.lsn ?? '–'}, ${lag.seconds ?? '–'} s behind`;
  const done = `${counters.transactions} transactions, ${counters.puts} puts`;
  const trouble = error === null ? '' : ` · ${error.message} ${error.remedy}`;
  return `${state} · dump ${dump.state} ${dump.percent ?? 0} % · ${place} · ${done}${trouble}`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await timeout(ms, undefined, { signal }).catch(() => undefined);
}

/** Waits until everything committed is in etcd, and compares. */
async function conclude(
  client: pg.Client,
  watcher: WatcherProcess,
  gateway: EtcdGateway,
): Promise<boolean> {
  let differences = await compare(client, '/shop/', await gateway.values('/shop/'));
  await until(
    async () => {
      differences = await compare(client, '/shop/', await gateway.values('/shop/'));
      return differences.length === 0;
    },
    { what: 'etcd and the database agree', failure: watcher.failure, timeoutMs: 15_000 },
  ).catch((error: unknown) => print(String(error)));
  const keys = (await gateway.values('/shop/')).size;
  if (differences.length === 0) {
    print(`etcd and the database agree: ${keys} rows.`);
    return true;
  }
  print(`etcd and the database differ in ${differences.length} of ${keys} keys, for example:`);
  for (const { key, what } of differences.slice(0, 10)) print(`    ${key} ${what}`);
  return false;
}

const options = {
  exit: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

try {
  const { values } = parseArgs({ options });
  if (values.help) print(usage);
  else process.exitCode = (await run(values.exit)) ? 0 : 1;
} catch (error) {
  const wrongUsage = error instanceof TypeError;
  console.error(error instanceof Error ? error.message : error);
  if (wrongUsage) console.error(`\n${usage}`);
  process.exitCode = wrongUsage ? 2 : 1;
}
