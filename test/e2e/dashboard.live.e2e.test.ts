/** The dashboard of a real Watcher between PostgreSQL and etcd, in a real browser. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgres } from '../support/servers.ts';
import { startSync, type TestSync } from '../support/sync.ts';
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

const rows = 500_000;
const setup = `
CREATE TABLE item (id int PRIMARY KEY, v text);
INSERT INTO item SELECT n, 'v' FROM generate_series(1, ${rows}) n;
CREATE TABLE note (id int PRIMARY KEY, v text); INSERT INTO note SELECT n, 'n' FROM generate_series(1, 50) n;
CREATE TABLE loose (id int); ANALYZE`;

/** Runs in the page: notes every percentage that a bar shows. */
const noteProgress = `
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector('[data-part=dump-progress]');
    const left = document.querySelector('[data-part=dump-eta]');
    if (bar.checkVisibility()) window.seen.push([bar.value, left.textContent]);
  }).observe(document.querySelector('.sync'), { subtree: true, childList: true, attributes: true, characterData: true });
`;

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
    await sync.sql(`UPDATE item SET v = 'w' WHERE id <= 3000`);
    await card()
      .getByText(/^[1-9][\d,]* rows\/s$/)
      .waitFor();
    await sync.caughtUp();
    const { position } = await sync.status();
    await card()
      .getByText(position?.lsn ?? '', { exact: true })
      .first()
      .waitFor();
    await expect.poll(() => card().locator('.line').getAttribute('d')).toMatch(/[ML]\d+ (?!99\.0)\d/);
  });

  test('a dump is ordered, goes on before the eyes, and ends', async () => {
    await watched.page.evaluate(noteProgress);
    await press('Dump shop…');
    await press('Dump');
    await card()
      .getByText(/^Dump$/)
      .waitFor();
    await card().getByRole('progressbar', { name: 'public.item' }).waitFor();
    await watched.screenshot('live-dump');
    expect(await card().getByRole('button', { name: 'Dump shop…' }).getAttribute('title')).toBe(
      'A dump is running',
    );
    await card().getByRole('progressbar', { name: 'public.item' }).waitFor({ state: 'hidden' });
    const seen = (await watched.page.evaluate('window.seen')) as [number, string][];
    const values = seen.map(([value]) => value);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(new Set(values.filter((value) => value > 0 && value < 100)).size).toBeGreaterThan(1);
    expect(seen.some(([, left]) => /^about .* left$/.test(left))).toBe(true);
    await press('Details of shop');
    await card()
      .getByText(/^Done, .* ago: 500,050 rows of \d tables in /)
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
