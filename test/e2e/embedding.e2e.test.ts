/** Watcher as a plugin of a server that has a life of its own (SPEC §3, §8 "Embedded in another server"). */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type WatcherOptions, watcher } from '../../src/plugin.ts';
import { createDatabase } from '../support/database.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { until } from '../support/until.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watcher-embedding-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let files = 0;
async function file(content: object): Promise<string> {
  const path = join(dir, `${++files}.yml`);
  await writeFile(path, JSON.stringify(content));
  return path;
}

interface Line {
  readonly level: unknown;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A host with a handler of its own for everything that Watcher has one for. */
function createHost() {
  const log: Line[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as Line);
      done();
    },
  });
  const app = Fastify({ logger: { level: 'info', stream, base: { host: 'theirs' } } });
  app.setErrorHandler((_error, _request, reply) => reply.code(418).send('their error'));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('their 404'));
  app.addContentTypeParser(
    'text/csv',
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => ({
      body,
    }),
  );
  app.post('/own', async (request) => request.body);
  app.get('/throws', async () => {
    throw new Error('theirs');
  });
  return { app, log };
}

/** As a session of the host might say it. */
function authenticate({ headers }: FastifyRequest) {
  const user = headers['x-user'];
  return user === 'ops' ? 'admin' : user === 'guest' ? 'read' : null;
}

const idle = {
  etcd: { endpoints: ['127.0.0.1:1'] },
  syncs: { shop: { autostart: false, database: { host: '127.0.0.1', port: 1, name: 'a' } } },
};

async function register(app: FastifyInstance, options: WatcherOptions): Promise<unknown> {
  try {
    await app.register(watcher, { ...options, prefix: '/replication' });
    return null;
  } catch (error) {
    return error;
  } finally {
    await app.close();
  }
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'exit'] as const;
const listeners = () => signals.map((signal) => process.listenerCount(signal));

/** A host that listens, over a database and a key prefix of its own. */
async function embed(settings: object = {}, options: Partial<WatcherOptions> = { authenticate }) {
  const database = await createDatabase(postgres(18));
  const prefix = createPrefix(etcd());
  await database.query(
    `CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (1, 'one')`,
  );
  const { host, port, user, password } = database.server;
  const config = {
    etcd: { endpoints: [new URL(etcd().endpoint).host], state_prefix: prefix.state },
    syncs: {
      shop: {
        database: { host, port, user, password, name: database.name },
        keys: { template: `${prefix.rows}{schema}/{table}/{key}` },
        postgres: { publication: `p_${database.name}`, slot: `s_${database.name}` },
      },
    },
    ...settings,
  };
  const configFile = await file(config);
  const { app, log } = createHost();
  await app.register(watcher, { ...options, configFile, prefix: '/replication' });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const open = (path: string, init: RequestInit = {}, user = 'ops') =>
    fetch(`${url}${path}`, { ...init, headers: { 'x-user': user, ...init.headers } });
  /** Read to its end: a server does not close before. */
  const call = async (...request: Parameters<typeof open>) => {
    const answer = await open(...request);
    const { status, headers, url: address } = answer;
    const text = await answer.text();
    return { status, headers, address, text, json: () => JSON.parse(text) };
  };
  const keys = () => prefix.gateway.values(`${prefix.rows}public/item/`);
  return {
    app,
    log,
    url,
    open,
    call,
    database,
    prefix,
    config,
    configFile,
    holds: (count: number) =>
      until(async () => (await keys()).size === count, { what: `${count} keys` }),
    async [Symbol.asyncDispose]() {
      await app.close();
      await prefix[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe('what it needs', () => {
  test('neither tokens nor authenticate: the host does not start, and is told what to do', async () => {
    const error = await register(createHost().app, { configFile: await file(idle) });
    expect(error).toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/no api\.tokens.*no `authenticate`/),
      remedy: expect.stringMatching(/api\.tokens.*authenticate:/),
    });
  });

  test('a file that is not valid: every violation, none of the values', async () => {
    const configFile = await file({ ...idle, tabels: 'planted-secret', log_level: 'loud' });
    const error = await register(createHost().app, { configFile, authenticate });
    expect(error).toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/yml:1: tabels: unknown key[\s\S]*yml:1: log_level: /),
    });
    expect(String(error)).not.toContain('planted-secret');
    const missing = await register(createHost().app, { configFile: 'nowhere.yml', authenticate });
    expect(missing).toMatchObject({
      message: expect.stringMatching(/nowhere\.yml: cannot be read: ENOENT/),
    });
  });

  test('a prefix: without one, the 404 of the host would be Watcher`s', async () => {
    const { app } = createHost();
    const configFile = await file(idle);
    await expect(app.register(watcher, { configFile, authenticate })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/needs a prefix/),
    });
    await app.close();
  });

  test('variables of the file are the host`s to say', async () => {
    const configFile = await file({ ...idle, instance: `$${'{NAME}'}` });
    const { app } = createHost();
    const env = { NAME: 'theirs' };
    await app.register(watcher, { configFile, authenticate, env, prefix: '/w' });
    const headers = { 'x-user': 'ops' };
    const { instance } = (await app.inject({ url: '/w/v1/config', headers })).json();
    expect(instance).toBe('theirs');
    await app.close();
  });
});

describe('on real servers', () => {
  test('it replicates, answers under its prefix, and leaves the host as it was', async () => {
    const before = listeners();
    await using host = await embed();
    await host.holds(1);
    await host.database.query(`INSERT INTO item VALUES (2, 'two')`);
    await host.holds(2);

    const own = { method: 'POST', body: 'a,b', headers: { 'content-type': 'text/csv' } };
    expect((await host.call('/own', own)).json()).toEqual({ body: 'a,b' });
    expect((await host.call('/throws')).text).toBe('their error');
    expect((await host.call('/nothing')).text).toBe('their 404');
    expect((await host.call('/own', own)).headers.has('content-security-policy')).toBe(false);
    const csv = await host.call('/replication/v1/syncs/shop/dump', own);
    expect([csv.status, csv.json().code]).toEqual([415, 'unsupported_media_type']);
    const nothing = await host.call('/replication/nothing');
    expect([nothing.status, nothing.json().code]).toEqual([404, 'not_found']);

    expect(listeners()).toEqual(before);
  });

  test('the host says who may do what', async () => {
    await using host = await embed();
    const status = async (path: string, user: string, method = 'GET') =>
      (await host.call(`/replication${path}`, { method }, user)).status;
    expect(await status('/v1/syncs', 'nobody')).toBe(401);
    expect(await status('/v1/syncs', 'guest')).toBe(200);
    expect(await status('/v1/syncs/shop/stop', 'guest', 'POST')).toBe(403);
    expect(await status('/v1/syncs/shop/stop', 'ops', 'POST')).toBe(202);
    expect(await status('/healthz', 'nobody')).toBe(200);
  });

  test('a hook that the host has already: who passes it may do everything, who does not is told so', async () => {
    const hook = async (request: FastifyRequest) => {
      const statusCode = { ops: 200, guest: 403, nobody: 401 }[String(request.headers['x-user'])];
      if (statusCode !== 200) throw Object.assign(new Error('planted'), { statusCode });
    };
    await using host = await embed({}, { authenticate: hook });
    const stop = (user: string) =>
      host.call('/replication/v1/syncs/shop/stop', { method: 'POST' }, user);
    const [nobody, guest] = [await stop('nobody'), await stop('guest')];
    expect([nobody.status, nobody.json().code]).toEqual([401, 'unauthorized']);
    expect([guest.status, guest.json().code]).toEqual([403, 'forbidden']);
    expect(nobody.text + guest.text).not.toContain('planted');
    expect((await stop('ops')).status).toBe(202);
  });

  test('the dashboard, Swagger UI and the document work under the prefix', async () => {
    await using host = await embed();
    for (const page of ['/replication/', '/replication/docs/', '/replication/docs']) {
      const answer = await host.call(page, {}, 'nobody');
      expect([page, answer.status]).toEqual([page, 200]);
      const links = [...answer.text.matchAll(/(?:href|src)="([^"#]+)"/g)];
      expect(links.length).toBeGreaterThan(1);
      for (const [, link = ''] of links) {
        const { pathname } = new URL(link, answer.address);
        expect(pathname).toMatch(/^\/replication\//);
        expect([pathname, (await host.call(pathname, {}, 'nobody')).status]).toEqual([
          pathname,
          200,
        ]);
      }
    }
    const address = `${host.url}/replication/openapi.json`;
    const document = (await host.call('/replication/openapi.json')).json();
    expect(new URL(document.servers[0].url, address).pathname).toBe('/replication/');
    expect(Object.keys(document.paths)).toContain('/v1/syncs');
    expect(JSON.stringify(document)).not.toContain('/own');
  });

  test('the log is the host`s: its fields, its level, also after a reload', async () => {
    await using host = await embed({ log_level: 'trace' });
    await host.holds(1);
    const ofSync = () => host.log.filter(({ sync }) => sync === 'shop');
    await until(() => ofSync().length > 0, { what: 'a line of the sync' });
    expect(ofSync()[0]).toMatchObject({ host: 'theirs', level: 30 });
    await writeFile(host.configFile, JSON.stringify({ ...host.config, log_level: 'debug' }));
    const { status } = await host.call('/replication/v1/config/reload', { method: 'POST' });
    expect(status).toBe(200);
    await host.call('/replication/v1/syncs/shop/stop', { method: 'POST' });
    await until(() => ofSync().some(({ msg }) => msg === 'the sync stops'), { what: 'it stops' });
    expect(host.log.every(({ level }) => Number(level) >= 30)).toBe(true);
  });

  test('close: event streams end, the leadership is given up, connections are closed', async () => {
    await using host = await embed();
    await host.holds(1);
    const events = await host.open('/replication/v1/events');
    const read = events.text();
    await host.app.close();
    expect(host.log.filter(({ msg }) => String(msg).includes('abandoned'))).toEqual([]);
    expect(await read).toContain('event: sync');
    const state = [...(await host.prefix.gateway.list(`${host.prefix.state}/`)).keys()];
    expect(state.filter((key) => /leader|status/.test(key))).toEqual([]);
    expect(state.some((key) => key.endsWith('/checkpoint'))).toBe(true);
    const sql = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'watcher%'`;
    await until(async () => (await host.database.query(sql)).length === 0, {
      what: 'its connections are closed',
    });
  });

  test('tokens of the file alone; a reload that takes the last one away lets nobody in', async () => {
    const token = 'a-token-of-the-file';
    await using host = await embed(
      { api: { tokens: [{ name: 'ops', token, role: 'admin' }] } },
      {},
    );
    const headers = { authorization: `Bearer ${token}` };
    const status = async (init: RequestInit) =>
      (await host.call('/replication/v1/syncs', init, 'nobody')).status;
    expect(await status({ headers })).toBe(200);
    expect(await status({})).toBe(401);
    await writeFile(host.configFile, JSON.stringify({ ...host.config, api: { tokens: [] } }));
    const reload = { method: 'POST', headers };
    await host.call('/replication/v1/config/reload', reload, 'nobody');
    await until(async () => (await status({ headers })) === 401, { what: 'the token is gone' });
    expect(await status({ headers: { host: 'localhost' } })).toBe(401);
  });
});

test('two instances in one process, each with its own prefix and file', async () => {
  const app = Fastify();
  for (const name of ['one', 'two']) {
    const configFile = await file({ ...idle, syncs: { [name]: idle.syncs.shop } });
    await app.register(watcher, { configFile, authenticate, prefix: `/${name}` });
  }
  for (const name of ['one', 'two']) {
    const answer = await app.inject({ url: `/${name}/v1/syncs`, headers: { 'x-user': 'guest' } });
    expect(answer.json().syncs.map((sync: { name: string }) => sync.name)).toEqual([name]);
  }
  await app.close();
});
