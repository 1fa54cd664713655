/** Syncs of one file whose keys begin alike, with Watcher's own keys among them: none touches what is another's. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { createDatabase } from '../support/database.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { expectedRows, keyBase, sameRows } from '../support/source-rows.ts';
import type { SyncJson } from '../support/sync.ts';
import { until } from '../support/until.ts';

const server = postgres(15);
const schemas = ['a', 'b', 'c'] as const;

const setup = schemas
  .map(
    (schema) =>
      `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.t (id int PRIMARY KEY); INSERT INTO ${schema}.t SELECT generate_series(1, 20)`,
  )
  .join(';');

/** Schemas by the name of a sync. */
type Layout = Readonly<Record<string, readonly string[]>>;

interface WorldOptions {
  readonly adopt: boolean;
  /** Keys that are there before, below the rows. */
  readonly foreign?: readonly string[];
  /** Watcher's own keys are below the rows too. */
  readonly stateBelow?: boolean;
}

/** One database, and syncs that all write under one prefix: each some schemas of it. */
async function world(layout: Layout, options: WorldOptions) {
  const opened: AsyncDisposable[] = [];
  const dispose = async () => {
    for (const part of opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
  };
  try {
    return Object.assign(await open(opened, layout, options), {
      [Symbol.asyncDispose]: dispose,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function open(
  opened: AsyncDisposable[],
  layout: Layout,
  { adopt, foreign = [], stateBelow = false }: WorldOptions,
) {
  const database = await createDatabase(server);
  opened.push(database);
  const prefix = createPrefix(etcd());
  opened.push(prefix);
  const { rows, gateway } = prefix;
  const state = stateBelow ? `${rows}own/watcher` : prefix.state;
  await database.query(setup);
  for (const key of foreign) await gateway.put(`${rows}${key}`, 'foreign');
  const dir = await mkdtemp(join(tmpdir(), 'watcher-e2e-'));
  opened.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) });

  const syncOf = (name: string, included: readonly string[]) => ({
    database: {
      host: server.host,
      port: server.port,
      name: database.name,
      user: server.user,
      password: server.password,
      retry_period: '100ms',
    },
    tables: { include: included.map((schema) => `${schema}.*`) },
    keys: { template: `${rows}{schema}/{table}/{key}`, adopt },
    postgres: { slot: slotOf(name), publication: `p_${name}_${database.name}` },
  });
  const slotOf = (name: string) => `s_${name}_${database.name}`;
  const config = (wanted: Layout): string =>
    JSON.stringify({
      api: { port: 0 },
      etcd: { endpoints: [new URL(etcd().endpoint).host], state_prefix: state },
      syncs: Object.fromEntries(
        Object.entries(wanted).map(([name, included]) => [name, syncOf(name, included)]),
      ),
    });
  const watcher = await startWatcher({ config: config(layout), dir });
  opened.push(watcher);

  const status = async (name: string) => (await watcher.get(`/v1/syncs/${name}`)) as SyncJson;
  const is = async (name: string, state: string): Promise<void> => {
    let seen: SyncJson | null = null;
    const reached = async () => {
      seen = await status(name);
      if (seen.state === 'failed') throw new Error('it has failed');
      return seen.state === state && seen.dump.state !== 'running';
    };
    const { failure } = watcher;
    await until(reached, { what: `${name} is ${state}`, failure }).catch((cause: unknown) => {
      throw new Error(`${name} is not ${state}: ${JSON.stringify(seen)}`, { cause });
    });
  };
  const same = async (schema: string): Promise<void> => {
    const table = { table: `${schema}.t` };
    const expected = await expectedRows(database, rows, table);
    let differences: string[] = [];
    const agrees = async () => {
      differences = sameRows(expected, await gateway.values(keyBase(rows, table)));
      return differences.length === 0;
    };
    await until(agrees, { what: `the keys of ${schema}.t are its rows` }).catch((cause) => {
      throw new Error(differences.slice(0, 3).join('\n'), { cause });
    });
  };
  const order = async (name: string, verb: string): Promise<void> => {
    expect((await watcher.post(`/v1/syncs/${name}/${verb}`)).status).toBe(202);
  };
  return {
    database,
    gateway,
    rows,
    watcher,
    status,
    is,
    same,
    order,
    /** With its slot gone, so that the next start is a dump as the first one is. */
    async dumpsAnew(name: string) {
      await order(name, 'stop');
      await is(name, 'stopped');
      await database.query('SELECT pg_drop_replication_slot($1)', [slotOf(name)]);
      await order(name, 'start');
      await is(name, 'streaming');
    },
    /** The keys of these schemas are their rows, and stay in step. */
    async agree(...wanted: readonly string[]) {
      for (const schema of wanted) await same(schema);
      for (const schema of wanted) await database.query(`UPDATE ${schema}.t SET id = -id`);
      for (const schema of wanted) await same(schema);
    },
    /** The sync has nothing more to do with the table. */
    async forgets(name: string, table: string) {
      const known = async () => (await gateway.get(`${state}/syncs/${name}/tables`))?.value;
      const what = `${name} forgets ${table}`;
      await until(async () => (await known())?.includes(`"${table}"`) === false, { what });
    },
    async reload(wanted: Layout) {
      await writeFile(watcher.configFile, config(wanted));
      const response = await watcher.post('/v1/config/reload');
      expect(response.status, await readFile(watcher.configFile, 'utf8')).toBe(200);
    },
  };
}

test.each([false, true])(
  'both dump, again too, and neither loses a row; adopt: %s',
  async (adopt) => {
    const foreign = adopt ? ['a/t/4711', 'b/t/4711'] : [];
    await using own = await world({ a: ['a'], b: ['b'] }, { adopt, foreign, stateBelow: true });
    for (const name of ['a', 'b']) await own.is(name, 'streaming');
    await own.agree('a', 'b');
    for (const name of ['a', 'b']) await own.dumpsAnew(name);
    await own.agree('a', 'b');
    expect((await own.gateway.values(`${own.rows}own/watcher/syncs/`)).size).toBeGreaterThan(3);
  },
);

test('one that a reload puts beside another keeps its rows when that one dumps anew', async () => {
  await using own = await world({ a: ['a'] }, { adopt: true });
  await own.is('a', 'streaming');
  await own.reload({ a: ['a'], b: ['b'] });
  await own.is('b', 'streaming');
  await own.dumpsAnew('a');
  await own.agree('a', 'b');
});

test('rows of a sync that was taken out of the file stay, and it goes on from them when it comes back', async () => {
  await using own = await world({ a: ['a'], b: ['b'] }, { adopt: true });
  for (const name of ['a', 'b']) await own.is(name, 'streaming');
  await own.reload({ a: ['a'] });
  await own.gateway.put(`${own.rows}elsewhere/1`, 'foreign');
  await own.dumpsAnew('a');
  const left = await own.gateway.values(own.rows);
  expect([...left.keys()].filter((key) => !/\/[ab]\/t\//.test(key))).toEqual([]);
  expect(left.size).toBe(40);
  await own.reload({ a: ['a'], b: ['b'] });
  await own.agree('a', 'b');
});

test('rows of a schema that went over to another sync are not deleted by the one that had it', async () => {
  await using own = await world({ a: ['a', 'c'], b: ['b'] }, { adopt: true });
  for (const name of ['a', 'b']) await own.is(name, 'streaming');
  await own.order('a', 'stop');
  await own.is('a', 'stopped');
  await own.reload({ a: ['a'], b: ['b', 'c'] });
  await own.agree('b', 'c');

  const response = await fetch(`${own.watcher.url}/v1/syncs/a?drop=keys`, { method: 'DELETE' });
  expect(await response.json()).toMatchObject({
    keys: [{ prefix: `${own.rows}a/t/`, count: 20 }],
    kept: [{ part: 'keys', name: `${own.rows}c/t/`, reason: expect.stringContaining('20 keys') }],
  });
  await own.order('a', 'start');
  await own.is('a', 'streaming');
  await own.agree('a');
  await own.forgets('a', 'c.t');
  for (const schema of ['b', 'c']) await own.same(schema);
  await own.agree('a', 'b', 'c');
});

test('started where another has its schema now, it leaves the keys alone', async () => {
  await using own = await world({ a: ['a', 'c'], b: ['b'] }, { adopt: false });
  for (const name of ['a', 'b']) await own.is(name, 'streaming');
  await own.order('a', 'stop');
  await own.is('a', 'stopped');
  await own.reload({ a: ['a'], b: ['b', 'c'] });
  await own.agree('b', 'c');
  await own.order('a', 'start');
  await own.is('a', 'streaming');
  await own.agree('a');
  await own.forgets('a', 'c.t');
  for (const schema of ['b', 'c']) await own.same(schema);
  await own.agree('a', 'b', 'c');
  const { dump } = await own.status('a');
  expect(dump.tables.map(({ table }) => table)).toEqual(['a.t']);
});
