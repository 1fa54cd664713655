/** The dashboard of a real Watcher between PostgreSQL and etcd, in a real browser. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgres } from '../support/servers.ts';
import { lsn, startSync, type TestSync } from '../support/sync.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import {
  findBrowser,
  startBrowser,
  type TestBrowser,
  type WatchedPage,
} from './dashboard/browser.ts';

const program = await findBrowser();
const title =
  program === null ? 'the live dashboard (no browser can be had here)' : 'the live dashboard';

/** 6 MB: with the pauses of the proxy, several seconds to copy on any machine. */
const setup = `
CREATE TABLE item (id int PRIMARY KEY, v text);
INSERT INTO item SELECT n, repeat('v', 300) FROM generate_series(1, 20000) n;
CREATE TABLE note (id int PRIMARY KEY, v text); INSERT INTO note SELECT n, 'n' FROM generate_series(1, 50) n;
CREATE TABLE loose (id int); ANALYZE`;

describe.skipIf(program === null)(title, () => {
  let browser: TestBrowser;
  let proxy: TcpProxy;
  let sync: TestSync;
  let watched: WatchedPage;
  beforeAll(async () => {
    if (program === null) return;
    const server = postgres(18);
    proxy = await startTcpProxy(server);
    const { host, port } = proxy;
    // The dump is the one that the page orders.
    const config = { dump: { mode: 'never', parallel: 1 } };
    sync = await startSync({ server, setup, config, login: { host, port } });
    browser = await startBrowser(program);
    watched = await browser.open(sync.watcher.url);
  });
  afterAll(async () => {
    for (const each of [browser, sync, proxy]) await each?.[Symbol.asyncDispose]();
  });

  const card = () => watched.page.getByRole('article', { name: 'shop' });
  const state = (label: string) => card().getByText(label, { exact: true }).waitFor();
  const press = (name: string) => watched.page.getByRole('button', { name, exact: true }).click();

  test('it streams, and shows what it does', async () => {
    await state('Streaming');
    await card()
      .getByText(/^PostgreSQL · led by /)
      .waitFor();
    await press('1 warning');
    await card().getByText('no_key').waitFor();
    const line = () => card().locator('.line').getAttribute('d');
    // The second in which the page was opened is not known whole, and not drawn.
    await expect.poll(line).toMatch(/^M/);
    await sync.sql(`UPDATE item SET v = 'w' WHERE id <= 3000`);
    await card()
      .getByText(/^[1-9][\d,]* rows\/s$/)
      .waitFor();
    await sync.caughtUp();
    // It goes on while others write to the same server.
    const reached = lsn((await sync.status()).position?.lsn ?? '');
    const shown = card().getByText(/^[0-9A-F]+\/[0-9A-F]+$/);
    await expect
      .poll(async () => lsn((await shown.first().textContent()) ?? '') >= reached, {
        timeout: 15_000,
      })
      .toBe(true);
    await expect.poll(line).toMatch(/[ML]\d+ (?!99\.0)\d/);
  });

  test('a dump is ordered, goes on before the eyes, and ends', async () => {
    // After every piece of at most 64 KiB.
    proxy.delay(40);
    await press('Dump shop…');
    await press('Dump');
    const bar = (name: string) => card().getByRole('progressbar', { name, exact: true });
    const goesBeyond = async (least: number): Promise<number> => {
      const value = async () => Number(await bar('Dump').getAttribute('value'));
      await expect.poll(value, { timeout: 15_000 }).toBeGreaterThan(least);
      return value();
    };
    const first = await goesBeyond(0);
    await card()
      .getByText(/^about .* left$/)
      .waitFor();
    const order = card().getByRole('button', { name: 'Dump shop…' });
    expect(await order.getAttribute('title')).toBe('A dump is running');
    const second = await goesBeyond(first);
    expect(second).toBeLessThan(100);
    expect(Number(await bar('public.item').getAttribute('value'))).toBeGreaterThan(0);
    await watched.screenshot('live-dump');
    proxy.delay(0);
    await bar('Dump').waitFor({ state: 'hidden' });
    await press('Details of shop');
    await card()
      .getByText(/^Done, .* ago: 20,050 rows of 2 tables in /)
      .waitFor();
  });

  test('stop and start', async () => {
    await press('Stop shop…');
    await press('Stop');
    await state('Stopped');
    expect((await sync.status()).state).toBe('stopped');
    await press('Start shop');
    await state('Streaming');
    expect((await sync.status()).desired).toBe('running');
  });

  test('an error, its remedy, and the recovery', async () => {
    proxy.cut();
    await state('Backing off');
    const fault = card().locator('.fault');
    await fault.getByText(/tried again (in \d+ s|now)$/).waitFor();
    const { last_error: error } = await sync.status();
    await fault.getByText(error?.remedy ?? '').waitFor();
    expect(await watched.page.title()).toBe('1 backing off · Watcher');
    await watched.screenshot('live-error');
    proxy.resume();
    await press('Try shop now');
    await state('Streaming');
    // The error stays until something is durable again.
    await sync.sql(`UPDATE item SET v = 'x' WHERE id = 1`);
    await fault.waitFor({ state: 'hidden' });
    expect(await watched.page.title()).toBe('Watcher');
  });

  test('no word in the console, no request to another host', () => {
    expect(watched.problems).toEqual([]);
  });
});
