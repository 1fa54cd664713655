/** A real browser without a screen, and pages that note what must not happen in them. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { cacheFolder } from '../../../tools/testenv/cache.ts';
import { type BrowserProgram, browserProgram } from '../../../tools/testenv/chromium.ts';
import { NotInstallable } from '../../../tools/testenv/mysql-programs.ts';

/** The program, or why there is none, said at once: for `describe.skipIf`. */
export async function findBrowser(): Promise<BrowserProgram | null> {
  try {
    return await browserProgram();
  } catch (error) {
    if (!(error instanceof NotInstallable)) throw error;
    console.error(`\n*** The tests of the dashboard are SKIPPED: ***\n${error.message}\n`);
    return null;
  }
}

export interface Viewport {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /**
   * What the console said, what was thrown, and requests to another host. Chromium writes a line for every answer that
   * is not 2xx, and for every connection that breaks: those are left out when `outage` was set.
   */
  readonly problems: readonly string[];
  /** Answers and connections fail from here on, on purpose. */
  outage(): void;
  /** Kept with the run, never in git. */
  screenshot(name: string): Promise<void>;
}

export interface TestBrowser extends AsyncDisposable {
  open(url: string, viewport?: Viewport): Promise<WatchedPage>;
}

/** Nothing of the browser's own goes anywhere. */
const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function startBrowser(program: BrowserProgram): Promise<TestBrowser> {
  const browser = await chromium.launch({
    executablePath: program.executablePath,
    env: { ...process.env, ...program.env },
    args: quiet,
    // Its sandbox needs privileges that a container does not give.
    chromiumSandbox: false,
  });
  return {
    async open(url, { width = 1_280, height = 900, colorScheme = 'light' } = {}) {
      const viewport = { width, height };
      const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB' });
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      const watched = watch(page, new URL(url).host);
      await page.goto(url);
      return { ...watched, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

function watch(page: Page, host: string): Omit<WatchedPage, keyof AsyncDisposable> {
  const problems: string[] = [];
  let failing = false;
  page.on('console', (message) => {
    const text = message.text();
    if (failing && text.startsWith('Failed to load resource')) return;
    problems.push(`${message.type()}: ${text}`);
  });
  page.on('pageerror', (error) => problems.push(`thrown: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).host !== host) problems.push(`request: ${request.url()}`);
  });
  return {
    page,
    problems,
    outage: () => {
      failing = true;
    },
    async screenshot(name) {
      const folder = join(await cacheFolder(), 'screenshots');
      await mkdir(folder, { recursive: true });
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    },
  };
}
