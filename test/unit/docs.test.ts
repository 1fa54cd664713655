/** The documents: what is made of the code is as the code is, what they point at is there, what they configure is valid. */
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { fileSchema, singleFileSchema } from '../../src/config/schema.ts';
import { errorCodes } from '../../src/errors.ts';
import { syncStates } from '../../src/replication/lifecycle.ts';
import { committedConfigPage, configPage } from '../../tools/config-page.ts';
import { anchors, links, type Page, pages, readPage } from '../support/markdown.ts';
import { makePem, type PemTexts } from '../support/pem.ts';

const root = new URL('../../', import.meta.url);
const all = pages();
/** Tokens are long enough, and each is another one. */
const secretOf = (name: string) => `the-secret-of-${name}`;

test('docs/configuration.md has the tables of the schema', async () => {
  expect(await committedConfigPage(), 'run npx tsx tools/config-page.ts').toBe(await configPage());
});

test.each(all)('$path: links and anchors lead somewhere', (page) => {
  for (const target of links(page).filter((link) => !/^https?:/.test(link))) {
    const [path = '', anchor] = target.split('#');
    const url = path === '' ? new URL(page.path, root) : new URL(path, new URL(page.path, root));
    expect(existsSync(url), target).toBe(true);
    if (anchor === undefined || !url.pathname.endsWith('.md')) continue;
    const other = readPage(url.pathname.slice(root.pathname.length));
    expect(anchors(other), `${page.path}: ${target}`).toContain(anchor);
  }
});

test('every page can be reached from the README', () => {
  const linked = links(readPage('README.md'));
  const unlinked = all.map(({ path }) => path).filter((path) => !linked.includes(path));
  expect(unlinked).toEqual(['README.md']);
});

describe('configurations', () => {
  let pem: PemTexts;
  beforeAll(async () => {
    pem = await makePem();
  });

  /** A block that is no whole file stands in one that is. */
  function whole(text: string): string {
    const block = parse(text) as Record<string, unknown>;
    const isWhole = 'etcd' in block && ('syncs' in block || 'database' in block);
    if (isWhole) return text;
    const global = Object.keys(fileSchema.properties);
    const ofSync = Object.entries(block).filter(([key]) => !global.includes(key));
    const ofFile = Object.entries(block).filter(([key]) => global.includes(key));
    const sync = { database: { host: 'db', name: 'inventory' }, ...Object.fromEntries(ofSync) };
    return stringify({
      etcd: { endpoints: ['localhost:2379'] },
      syncs: { inventory: sync },
      ...Object.fromEntries(ofFile),
    });
  }

  function readFile(path: string): string {
    if (/key\.pem$/.test(path)) return pem.key;
    if (/ca[^/]*\.pem$/.test(path)) return pem.ca;
    return path.endsWith('.pem') ? pem.cert : secretOf(path.replaceAll('/', '-'));
  }

  const blocks = all.flatMap(({ path, blocks: own }) =>
    own
      .filter(({ language }) => language === 'yaml')
      .map(({ text, line }) => ({ text, where: `${path}:${line}` })),
  );

  test('there are some of both forms', () => {
    const forms = blocks.map(({ text }) => ('database' in parse(text) ? 'older' : 'new'));
    expect(new Set(forms)).toEqual(new Set(['older', 'new']));
    expect(singleFileSchema.properties).toHaveProperty('database');
  });

  test.each(blocks)('$where is valid', ({ text }) => {
    const result = loadConfig(whole(text), {
      file: '/etc/watcher/watcher.yml',
      env: Object.fromEntries(
        [...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => [name, secretOf(name)]),
      ),
      hostname: 'node-1',
      readFile,
    });
    expect(result, whole(text)).toHaveProperty('config');
  });
});

/** Names in backquotes in the first cell of the rows under a heading. */
function firstCells(page: Page, title: string): readonly string[] {
  const [, section = ''] = page.prose.split(`## ${title}\n`);
  const [own = ''] = section.split(/^## /m);
  const cells = own.split('\n').flatMap((line) => /^\| ([^|]*) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name));
}

describe('docs/operating.md', () => {
  const page = readPage('docs/operating.md');

  test('explains every state', () => {
    expect([...firstCells(page, 'States')].sort()).toEqual([...syncStates].sort());
  });

  test('explains warnings by codes that there are', () => {
    const codes = firstCells(page, 'Warnings');
    expect(codes.length).toBeGreaterThan(5);
    for (const code of codes) expect(Object.keys(errorCodes)).toContain(code);
  });

  test('says what to do about every error that an operator can meet', () => {
    const answered = Object.entries(errorCodes).filter(([, { status }]) => status === undefined);
    const named = new Set([...page.text.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
    expect(answered.map(([code]) => code).filter((code) => !named.has(code))).toEqual([]);
  });
});

test('what the documents quote of SQL for accounts is in docs/security.md alone', () => {
  const others = all.filter(({ path }) => path !== 'docs/security.md');
  const accounts = others.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language, text }) => language === 'sql' && /CREATE (?:USER|ROLE)/.test(text))
      .map(({ line }) => `${path}:${line}`),
  );
  expect(accounts).toEqual([]);
});
