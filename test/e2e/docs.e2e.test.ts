/**
 * Every `sh` block of README.md and docs/ is run, in order: what the documents say to type works. The blocks of a page
 * run in a folder with a `watcher.yml`, beside a Watcher with a sync `inventory` on servers of their own; those that
 * begin with npm, in a copy of the repository. `console` blocks are not run: they need Docker, a terminal or a long time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEtcd, openPostgres } from '../../tools/testenv/environment.ts';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { createDatabase } from '../support/database.ts';
import { pages } from '../support/markdown.ts';
import { external } from '../support/servers.ts';
import type { SyncJson } from '../support/sync.ts';
import { until } from '../support/until.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const schema = `CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(10, 2));
  CREATE TABLE stock (warehouse text, product int REFERENCES products, n int, PRIMARY KEY (warehouse, product));
  INSERT INTO products SELECT n, 'product ' || n, n + 0.5 FROM generate_series(1, 100) n;
  INSERT INTO stock SELECT 'north', n, n FROM generate_series(1, 100) n`;

/** A program of the machine, or what a block needs and is not there. */
function onPath(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

const blocks = pages().flatMap(({ path, blocks: own }) =>
  own
    .filter(({ language }) => language === 'sh')
    .map(({ text, line }) => ({ text, where: `${path}:${line}` })),
);
const ofNpm = blocks.filter(({ text }) => text.startsWith('npm '));
const ofWatcher = blocks.filter((block) => !ofNpm.includes(block));

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

async function bash(text: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', text], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      out += piece;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out };
}

const opened: AsyncDisposable[] = [];
let watcher: WatcherProcess;
let dir: string;
let env: NodeJS.ProcessEnv;
let servers: NodeJS.ProcessEnv;

/** Disposed of at the end, the last first. */
function keep<T extends AsyncDisposable>(resource: T): T {
  opened.push(resource);
  return resource;
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'watcher-docs-'));
  keep({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) });
  return folder;
}

/** Programs that the documents name: `watcher`, and the etcdctl that came with the etcd. */
async function programs(etcdctl: string | undefined): Promise<string> {
  const folder = join(dir, 'bin');
  await mkdir(folder);
  const cli = join(root, 'dist/cli.js');
  await writeFile(
    join(folder, 'watcher'),
    `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  return [folder, ...(etcdctl === undefined ? [] : [dirname(etcdctl)]), process.env.PATH].join(
    delimiter,
  );
}

const skipped = external().etcd
  ? 'they compact and defragment: unset TEST_ETCD_URL'
  : ['bash', 'curl'].find((program) => !onPath(program));

beforeAll(async () => {
  if (skipped !== undefined) return;
  const postgres = keep(await openPostgres(18));
  const etcd = keep(await openEtcd());
  const database = keep(await createDatabase(postgres.address));
  await database.query(schema);
  dir = await newFolder();
  const { host, port, user, password } = postgres.address;
  const config = {
    api: { port: 0 },
    etcd: { endpoints: [new URL(etcd.address.endpoint).host] },
    syncs: { inventory: { database: { host, port, name: database.name, user, password } } },
  };
  watcher = keep(await startWatcher({ config: JSON.stringify(config, null, 2), dir }));
  // What curl says of a 4xx or 5xx is a failure of the block, without an option in every example.
  await writeFile(join(dir, '.curlrc'), 'fail-with-body\n');
  servers = { TEST_PG_URL: postgres.address.url, TEST_ETCD_URL: etcd.address.endpoint };
  env = {
    PATH: await programs(etcd.own?.etcdctl),
    WATCHER_URL: watcher.url,
    CURL_HOME: dir,
    ETCDCTL_API: '3',
    ETCDCTL_ENDPOINTS: etcd.address.endpoint,
  };
  await quiet();
});

afterAll(async () => {
  for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

async function quiet(): Promise<void> {
  const what = 'it streams, and dumps nothing';
  const ask = async () => {
    const { state, dump } = (await watcher.get('/v1/syncs/inventory')) as SyncJson;
    return state === 'streaming' && dump.state === 'done';
  };
  await until(ask, { what, failure: watcher.failure });
}

/** The sources with what was installed for them, as a fresh clone would have it after its first command. */
async function copyOfTheTree(): Promise<string> {
  const folder = await newFolder();
  const left = new Set(['.git', '.cache', 'node_modules', 'dist']);
  const wanted = (path: string) => !left.has(relative(root, path).split(sep)[0] ?? '');
  await cp(root, folder, { recursive: true, filter: wanted });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

test('the documents have blocks of both kinds', () => {
  expect(ofNpm.map(({ where }) => where)).toHaveLength(1);
  expect(ofWatcher.length).toBeGreaterThan(8);
});

describe.skipIf(skipped !== undefined)(`sh blocks${skipped ? ` (${skipped})` : ''}`, () => {
  test.each(ofWatcher)('$where', async ({ text }) => {
    await quiet();
    const url = new URL(watcher.url).host;
    const { code, out } = await bash(text.replaceAll('localhost:8080', url), dir, env);
    expect(code, out).toBe(0);
    expect(out).not.toBe('');
  });

  test.each(ofNpm)('$where', async ({ text }) => {
    const { code, out } = await bash(text, await copyOfTheTree(), servers);
    expect(code, out).toBe(0);
  });
});
