/** A Watcher with no sync: it serves, tells whether it has reached etcd, and gets its first and loses its last by a reload. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startWatcher, type WatcherProcess } from '../../tools/testenv/watcher.ts';
import { createPrefix } from '../support/prefix.ts';
import { etcd, postgres } from '../support/servers.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const run = promisify(execFile);
const cli = async (...args: readonly string[]): Promise<string> =>
  (await run(process.execPath, [program, ...args])).stdout;

async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'watcher-none-'));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const readiness = async ({ url }: WatcherProcess) => {
  const response = await fetch(`${url}/readyz?verbose`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test('ready once etcd was reached; syncs come and go by a reload; check looks at etcd alone', () =>
  withFolder(async (dir) => {
    await using prefix = createPrefix(etcd());
    const file = {
      api: { port: 0 },
      etcd: { endpoints: [new URL(etcd().endpoint).host], state_prefix: prefix.state },
    };
    await using watcher = await startWatcher({ config: JSON.stringify(file), dir });
    await until(async () => (await readiness(watcher)).status === 200, { what: 'it is ready' });
    expect((await readiness(watcher)).body).toMatchObject({
      etcd: { ever_reached: true, reachable: true },
      syncs: { streaming: 0, stopped: 0 },
    });
    expect(await watcher.get('/v1/syncs')).toEqual({ syncs: [] });
    expect(await watcher.get('/v1/config')).toMatchObject({ syncs: {} });
    expect(await cli('status', '--url', watcher.url)).toBe('No sync is configured.\n');
    const checked = await cli('check', '-c', watcher.configFile);
    expect(checked).toMatch(/^etcd\n {2}ok .*\n[\s\S]*0 failures, 0 warnings\n$/);

    const { host, port, user, password } = postgres(15);
    const database = { host, port, user, password, name: 'postgres' };
    const reload = async (syncs: object) => {
      await writeFile(watcher.configFile, JSON.stringify({ ...file, syncs }));
      return (await watcher.post('/v1/config/reload')).json();
    };
    expect(await reload({ first: { autostart: false, database } })).toMatchObject({
      added: ['first'],
    });
    expect(await watcher.get('/v1/syncs')).toMatchObject({ syncs: [{ name: 'first' }] });
    expect(await reload({})).toMatchObject({ removed: ['first'], unchanged: [] });
    expect(await watcher.get('/v1/syncs')).toEqual({ syncs: [] });
    expect((await readiness(watcher)).status).toBe(200);
    expect(await watcher.stop()).toBe(0);
  }));

test('not ready while etcd is away', () =>
  withFolder(async (dir) => {
    const config = JSON.stringify({ api: { port: 0 }, etcd: { endpoints: ['127.0.0.1:1'] } });
    await using watcher = await startWatcher({ config, dir });
    await until(() => watcher.log.some(({ level }) => level === 'warn'), { what: 'it says so' });
    expect(await readiness(watcher)).toMatchObject({
      status: 503,
      body: { status: 'waiting', etcd: { ever_reached: false, reachable: false } },
    });
    expect(await watcher.stop()).toBe(0);
  }));
