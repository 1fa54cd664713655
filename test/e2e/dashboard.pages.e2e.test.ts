/** The dashboard in a real browser, over syncs in every state. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowser, startBrowser, type TestBrowser } from './dashboard/browser.ts';
import { type PageServer, startPageServer } from './dashboard/page-server.ts';
import { everyState, sampleSync } from './dashboard/samples.ts';

/** Runs in the page. */
const partsBeyondTheirCard = `[...document.querySelectorAll('.sync')].flatMap((card) => {
  const { right } = card.getBoundingClientRect();
  return [...card.querySelectorAll('button, p, code, progress, svg, dd')]
    .filter((part) => part.getBoundingClientRect().right > right + 1)
    .map((part) => part.outerHTML);
})`;

const focusedName = `document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()`;

const program = await findBrowser();
const title = program === null ? 'the dashboard (no browser can be had here)' : 'the dashboard';

const tokens = [
  { name: 'ops', token: 'right-and-may-do-everything', role: 'admin' },
  { name: 'guest', token: 'right-and-may-only-read', role: 'read' },
] as const;

describe.skipIf(program === null)(title, () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    if (program !== null) browser = await startBrowser(program);
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
  });

  async function serverWithAll(): Promise<PageServer> {
    const server = await startPageServer();
    for (const sync of everyState()) server.put(sync);
    return server;
  }

  test.each([
    { width: 1_280, colorScheme: 'light' },
    { width: 1_280, colorScheme: 'dark' },
    { width: 400, colorScheme: 'light' },
    { width: 400, colorScheme: 'dark' },
  ] as const)('every state at $width px, $colorScheme', async (viewport) => {
    await using server = await serverWithAll();
    await using watched = await browser.open(server.url, viewport);
    const { page } = watched;
    await page.getByRole('heading', { level: 2 }).nth(6).waitFor();
    expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual(
      everyState()
        .map(({ name }) => name)
        .sort(),
    );
    expect(await page.title()).toBe('1 failed · Watcher');
    // Everything that can be opened is.
    for (const button of await page.locator('[aria-expanded]:visible').all()) {
      await button.click();
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    const clipped = await page.evaluate(partsBeyondTheirCard);
    expect(clipped).toEqual([]);
    await watched.screenshot(`states-${viewport.colorScheme}-${viewport.width}`);
    expect(watched.problems).toEqual([]);
  });

  test('a card says what a person needs to know', async () => {
    await using server = await serverWithAll();
    await using watched = await browser.open(server.url);
    const { page } = watched;
    const card = (name: string) => page.getByRole('article', { name });
    const textOf = async (name: string) => (await card(name).allInnerTexts()).join('');

    await card('legacy-erp').getByText('Backing off').waitFor();
    const broken = await textOf('legacy-erp');
    expect(broken).toContain('The database cannot be reached: connection refused');
    expect(broken).toContain('source_unavailable');
    expect(broken).toContain('Check database.host and database.port');
    expect(broken).toMatch(/tried again in \d+ s/);
    expect(broken).toContain('2 min 8 s');

    expect(await textOf('payments')).toContain('GRANT CREATE ON DATABASE "payments" TO "watcher";');
    expect(await textOf('billing')).toMatch(
      /MySQL · led by node-1\s[\s\S]*binlog\.000214:183299120/,
    );
    expect(await textOf('sessions')).toContain('led by node-2, this one stands by');
    expect(await textOf('archive')).toContain('7.37 GiB');

    const dump = card('crm');
    expect(await textOf('crm')).toMatch(/31 % · 1,315,628 rows · 1 of 6 tables/);
    expect(await textOf('crm')).toContain('about 1 min 34 s left');
    const bar = (name: string) => dump.getByRole('progressbar', { name, exact: true });
    expect(await bar('Dump').getAttribute('value')).toBe('31.7');
    expect(await bar('public.products').getAttribute('value')).toBe('67');
    expect(await bar('public.customers').getAttribute('value')).toBe('100');
    // Nobody knows how many rows it has.
    expect(
      await bar('public.order_lines_of_a_very_long_name_that_does_not_fit').getAttribute('value'),
    ).toBeNull();

    const time = card('payments').locator('time').first();
    expect(await time.getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/);
    await card('inventory').getByRole('button', { name: '1 warning' }).click();
    await card('inventory').getByText('ALTER TABLE public.notes ADD PRIMARY KEY (id);').waitFor();

    await page.getByRole('button', { name: /Needs attention/ }).click();
    await expect.poll(() => page.getByRole('article').count()).toBe(2);
    server.remove('payments');
    await expect.poll(() => page.getByRole('article').count()).toBe(1);
    expect(watched.problems).toEqual([]);
  });

  test('with the keyboard alone: a dump of some tables, and a stop that is not confirmed', async () => {
    await using server = await startPageServer();
    server.put(sampleSync({ name: 'inventory' }));
    await using watched = await browser.open(server.url);
    const { page } = watched;
    await page.getByRole('article', { name: 'inventory' }).waitFor();
    const focused = () => page.evaluate(focusedName);
    const tabTo = async (name: string): Promise<void> => {
      for (let steps = 0; (await focused()) !== name; steps += 1) {
        if (steps > 20) throw new Error(`Tab does not lead to ${name}`);
        await page.keyboard.press('Tab');
      }
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline, `${name} shows that it has the focus`).toBe('solid');
    };

    await tabTo('Stop inventory…');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Stop inventory?' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await focused()).toBe('Stop inventory…');

    await tabTo('Dump inventory…');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Dump inventory again?' });
    await dialog.waitFor();
    await watched.screenshot('dialog-dump');
    await page.keyboard.press('ArrowDown');
    expect(await dialog.getByRole('button', { name: 'Dump' }).isDisabled()).toBe(true);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    // An excluded table cannot be chosen.
    expect(await dialog.getByRole('checkbox').count()).toBe(2);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    expect(await focused()).toBe('Dump inventory…');
    await expect.poll(() => server.orders).toEqual([['dump', 'inventory', ['public.orders']]]);
    expect(watched.problems).toEqual([]);
  });

  test('a token: asked for, wrong, right, kept in this tab only, and not enough for an order', async () => {
    await using server = await startPageServer(tokens);
    server.put(sampleSync({ name: 'inventory' }));
    await using watched = await browser.open(server.url, { width: 400, height: 700 });
    const { page } = watched;
    watched.outage();
    const field = page.getByLabel('Token');
    await field.waitFor();
    expect(await page.getByRole('article').count()).toBe(0);
    expect(await page.evaluate('document.activeElement.id')).toBe('token');

    await page.keyboard.type('a-wrong-one');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This token is not accepted.').waitFor();
    await watched.screenshot('wrong-token');

    const sent: string[] = [];
    page.on('request', (request) => {
      sent.push(`${request.headers().authorization ?? 'none'} ${new URL(request.url()).search}`);
    });
    await field.fill(tokens[1].token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('article', { name: 'inventory' }).waitFor();
    expect(sent).toEqual([`Bearer ${tokens[1].token} `]);
    const stores = await page.evaluate('[localStorage.length, document.cookie]');
    expect(stores).toEqual([0, '']);

    await page.getByRole('button', { name: 'Stop inventory…' }).click();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    const refusal = page.getByRole('alert').filter({ hasText: 'role admin' });
    await refusal.getByText('Send a token with the role admin.').waitFor();
    expect(server.orders).toEqual([]);

    await page.reload();
    await page.getByRole('article', { name: 'inventory' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await field.waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(watched.problems).toEqual([]);
  });

  test('a lost connection is seen, and ends by itself', async () => {
    await using server = await serverWithAll();
    await using watched = await browser.open(server.url, { colorScheme: 'dark' });
    const { page } = watched;
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('article', { name: 'inventory' }).waitFor();
    watched.outage();
    await server.stop();
    await page.getByText('Disconnected', { exact: true }).waitFor();
    await page.getByText(/What you see is of \d\d:\d\d:\d\d\./).waitFor();
    await page.getByText(/Next attempt in \d+ s/).waitFor();
    await watched.screenshot('disconnected');
    expect(await page.getByRole('status').textContent()).toContain('The page is not up to date');

    server.remove('archive');
    await server.start();
    // It tries by itself, too: the button may be gone before it can be reached.
    await page.evaluate(
      `[...document.querySelectorAll('button')].find((each) => each.textContent === 'Try now' && each.checkVisibility())?.click()`,
    );
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 45_000 });
    // It went while nobody listened.
    await page.getByRole('article', { name: 'archive' }).waitFor({ state: 'detached' });
    expect(await page.getByText(/What you see is of/).isVisible()).toBe(false);
    expect(watched.problems).toEqual([]);
  });

  test('without the slash at its end, the address leads to the page', async () => {
    await using server = await startPageServer();
    await using watched = await browser.open(server.url.replace(/\/$/, '?from=a-bookmark'));
    const { page } = watched;
    await page.getByText('No sync is configured.').waitFor();
    expect(page.url()).toBe(server.url);
    expect(watched.problems).toEqual([]);
  });
});
