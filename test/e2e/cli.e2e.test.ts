/** The commands that talk to a running Watcher (SPEC §3), as processes, against a real one. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWatcher } from '../../tools/testenv/watcher.ts';
import { etcd } from '../support/servers.ts';
import { startSync, type TestSync } from '../support/sync.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const setup = `CREATE TABLE item (id int PRIMARY KEY, v text); INSERT INTO item VALUES (1, NULL);
  CREATE TABLE other (id int PRIMARY KEY)`;

type Env = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Env = {}): ChildProcess {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
  return spawn(process.execPath, [program, ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function call(args: readonly string[], env: Env = {}) {
  const child = start(args, env);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close'),
  ]);
  return { code, out, err };
}

describe('one sync', () => {
  let sync: TestSync;
  beforeAll(async () => {
    sync = await startSync({ setup });
  });
  afterAll(() => sync[Symbol.asyncDispose]());

  const watcher = (...args: string[]) => call([...args, '--url', sync.watcher.url]);

  test('status: a table, everything of one sync, JSON', async () => {
    const table = await watcher('status');
    expect(table).toMatchObject({ code: 0, err: '' });
    expect(table.out).toMatch(/^NAME +STATE +LAG.*\nshop +streaming +0 s.*done/);
    const detail = await watcher('status', 'shop');
    expect(detail.out).toMatch(/^shop {2}streaming\n[\s\S]*public\.item +done +█{20} +1 /);
    const json = await watcher('status', 'shop', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ name: 'shop', state: 'streaming' });
    expect(JSON.parse((await watcher('status', '--json')).out).syncs).toHaveLength(1);
  });

  test('colours: on request, not on a pipe, never with NO_COLOR', async () => {
    const status = ['status', '--url', sync.watcher.url];
    const colour = /\u001b\[/;
    expect((await call(status)).out).not.toMatch(colour);
    expect((await call(status, { FORCE_COLOR: '1' })).out).toMatch(/\u001b\[32mstreaming/);
    expect((await call(status, { NO_COLOR: '1' })).out).not.toMatch(colour);
  });

  test('stop, start, dump: ordered, and acted upon', async () => {
    expect(await watcher('stop', 'shop')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^shop: stop is ordered/),
    });
    await sync.until('it has stopped', ({ state }) => state === 'stopped');
    expect(await watcher('dump', 'shop')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/stopped[\s\S]*watcher start shop\n$/),
    });
    expect((await watcher('start', 'shop')).code).toBe(0);
    await sync.until('it streams', ({ state }) => state === 'streaming');
    const { started_at: before } = JSON.parse((await watcher('status', 'shop', '--json')).out).dump;
    const order = await watcher(
      'dump',
      'shop',
      '--table',
      'public.item',
      '-t',
      'public.other',
      '--json',
    );
    expect(order.code).toBe(0);
    expect(JSON.parse(order.out)).toMatchObject({ name: 'shop' });
    await until(
      async () => {
        const { dump } = JSON.parse((await watcher('status', 'shop', '--json')).out);
        return dump.state === 'done' && dump.started_at !== before;
      },
      { what: 'it was dumped again' },
    );
  });

  test('what is not there: the names there are', async () => {
    expect(await watcher('stop', 'shp')).toMatchObject({
      code: 1,
      err: 'watcher: There is no sync named shp\nThere are: shop. Did you mean shop?\n',
    });
    expect(await watcher('dump', 'shop', '-t', 'public.nothing')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/public\.nothing[\s\S]*watcher status shop lists its tables/),
    });
  });

  test('status --watch on a pipe: a line for each change, until it is interrupted', async () => {
    const child = start(['status', '--watch', '--url', sync.watcher.url]);
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    const ended = once(child, 'close');
    await until(() => /^shop {2}streaming/m.test(out), { what: 'the first line' });
    await watcher('stop', 'shop');
    await until(() => /^shop {2}stopped/m.test(out), { what: 'the line of the stop' });
    await watcher('start', 'shop');
    await until(() => /^shop {2}streaming[\s\S]*^shop {2}streaming/m.test(out), {
      what: 'the start',
    });
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });

  const pseudoTerminal = '/usr/bin/script';
  test.skipIf(!existsSync(pseudoTerminal))(
    'status --watch on a terminal: drawn in colours, and the terminal is left as it was',
    async () => {
      const command = `stty rows 20 cols 100; exec ${process.execPath} ${program} status --watch --url ${sync.watcher.url}`;
      // In a CI that it does not know, Node takes no terminal for one of colours.
      const { CI: _, ...env } = process.env;
      const child = spawn(pseudoTerminal, ['-qfec', command, '/dev/null'], {
        env: { ...env, TERM: 'xterm-256color' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
      });
      const ended = once(child, 'close');
      await until(() => /PUTS\/S[\s\S]*\u001b\[32mstreaming[\s\S]*Ctrl-C ends/.test(out), {
        what: 'a frame',
      });
      child.stdin.write('\u0003');
      expect(await ended).toEqual([0, null]);
      expect(out).toMatch(/^\u001b\[\?25l\u001b\[\?7l/);
      expect(out.trimEnd()).toMatch(/\u001b\[\?7h\u001b\[\?25h$/);
    },
  );

  test('reload: a dry run, the reload, and a file that is not valid', async () => {
    const file = sync.watcher.configFile;
    const good = await readFile(file, 'utf8');
    const config = JSON.parse(good);
    config.syncs.shop.tables = { exclude: ['public.other'] };
    config.syncs.more = { autostart: false, database: { host: '127.0.0.1', name: 'more' } };
    await writeFile(file, JSON.stringify(config));
    const rehearsal = await watcher('reload', '--dry-run');
    expect(rehearsal).toMatchObject({ code: 0, err: '' });
    expect(rehearsal.out).toMatch(/would be added: more\nwould be changed: shop\n/);
    expect(rehearsal.out).toMatch(/differs: tables\.exclude\n {2}tables that leave: public\.other/);
    expect(JSON.parse((await watcher('status', '--json')).out).syncs).toHaveLength(1);

    await writeFile(file, JSON.stringify({ ...config, tabels: {} }));
    expect(await watcher('reload')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/The configuration is not valid\n {2}line 1: tabels: unknown key/),
    });

    await writeFile(file, good);
    expect((await watcher('reload')).out).toMatch(/^No sync differs\.\nunchanged: 1\n/);
  });
});

describe('who, where and whether', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'watcher-cli-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('tokens: WATCHER_TOKEN, and what its role may', async () => {
    const tokens = ['read', 'admin'].map((role) => ({
      name: role,
      token: `a-token-that-may-${role}`,
      role,
    }));
    const config = {
      api: { port: 0, tokens },
      etcd: { endpoints: [new URL(etcd().endpoint).host] },
      syncs: { a: { autostart: false, database: { host: '127.0.0.1', port: 1, name: 'a' } } },
    };
    await using running = await startWatcher({ config: JSON.stringify(config), dir });
    const env = { WATCHER_URL: running.url };
    const none = await call(['status'], env);
    expect(none).toMatchObject({ code: 1, err: expect.stringMatching(/Set WATCHER_TOKEN/) });
    const wrong = await call(['status'], { ...env, WATCHER_TOKEN: 'planted-wrong-token' });
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringMatching(/WATCHER_TOKEN is set, but/),
    });
    expect(wrong.err).not.toContain('planted-wrong-token');
    const reader = { ...env, WATCHER_TOKEN: 'a-token-that-may-read' };
    expect(await call(['status', 'a'], reader)).toMatchObject({ code: 0 });
    expect(await call(['start', 'a'], reader)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/role admin/),
    });
    expect(
      await call(['stop', 'a'], { ...env, WATCHER_TOKEN: 'a-token-that-may-admin' }),
    ).toMatchObject({
      code: 0,
    });
  });

  test('nobody there: which address, and how to start it', async () => {
    const { code, err } = await call(['status', '--url', 'http://127.0.0.1:1']);
    expect(code).toBe(1);
    expect(err).toMatch(/http:\/\/127\.0\.0\.1:1.*ECONNREFUSED[\s\S]*watcher run -c <file>/);
    expect((await call(['status', '--url', 'nonsense'])).code).toBe(2);
    expect((await call(['status', '--ca', join(dir, 'missing.pem')])).code).toBe(2);
  });

  test('a reader that goes away is no error', async () => {
    const child = spawn('/bin/sh', ['-c', `${process.execPath} ${program} --help | head -n 1`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect({ out, err }).toEqual({ out: expect.stringMatching(/^Usage: watcher/), err: '' });
  });
});
