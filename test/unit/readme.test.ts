/** What the documents say is compared with the code wherever that is cheap. */
import { existsSync, readFileSync } from 'node:fs';
import { IsArray, IsObject, IsRecord, type TSchema } from 'typebox';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/api/metrics.ts';
import { parseDuration } from '../../src/config/duration.ts';
import { loadConfig } from '../../src/config/load.ts';
import { marksOf } from '../../src/config/scalar.ts';
import { fileSchema } from '../../src/config/schema.ts';
import { errorCodes } from '../../src/errors.ts';
import { committedErrorsPage, errorsPage } from '../../tools/errors-page.ts';
import { StubConfiguration } from '../support/configuration.ts';
import { StubControl } from './api/stub-control.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const readme = read('README.md');
/** Without what stands in code blocks. */
const prose = readme.replace(/^```[\s\S]*?^```$/gm, '');

/** Cells of the rows of every table in the text, without the heads. */
function tableRows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('|---'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** A section with its subsections. */
function section(title: string): string {
  const lines = prose.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${title}`));
  expect(start, `the section ${title}`).toBeGreaterThan(0);
  const level = lines[start]?.indexOf(' ') ?? 0;
  const length = lines
    .slice(start + 1)
    .findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

test('docs/errors.md has the table of src/errors.ts', async () => {
  expect(await committedErrorsPage(), 'run npx tsx tools/errors-page.ts').toBe(await errorsPage());
});

test('every code with an HTTP status is in the README under it, and no other', () => {
  const rows = tableRows(section('REST')).filter(([status]) =>
    /^\d{3}(, \d{3})*$/.test(status ?? ''),
  );
  const said = rows.flatMap(([statuses = '', codes = '']) => {
    const each = statuses.split(', ').map(Number);
    const names = [...codes.matchAll(/`([a-z_]+)`/g)].map(([, name]) => String(name));
    return names.map((name, index) => [name, each[Math.min(index, each.length - 1)]]);
  });
  expect(Object.fromEntries(said)).toEqual(
    Object.fromEntries(
      Object.entries(errorCodes)
        .filter(([, { status }]) => status !== undefined)
        .map(([code, { status }]) => [code, status]),
    ),
  );
});

test('every word with an underscore is a code, a key, or a member of the API', () => {
  const openapi = read('openapi/openapi.json');
  const keys = new Set(keysOf(fileSchema).flatMap(([path]) => path.split(/[.[\]]+/)));
  const ofPostgres =
    /^(?:row_to_json|max_\w+|wal_level|publish_via_partition_root|rds_replication)$/;
  const words = [...readme.matchAll(/(?:"code": ?"|`)([a-z]+(?:_[a-z]+)+)[`"]/g)];
  const unknown = words
    .map(([, word]) => String(word))
    .filter((word) => !(word in errorCodes) && !keys.has(word) && !openapi.includes(`"${word}"`))
    .filter((word) => !word.startsWith('watcher_') && !ofPostgres.test(word));
  expect(unknown).toEqual([]);
});

interface Key {
  readonly defaultText: string;
  readonly file: boolean;
}

const required = 'required';

/** Every key of the schema, those of a sync without `syncs.<name>.`. */
function keysOf(schema: TSchema, path = ''): [string, Key][] {
  if (!IsObject(schema)) throw new TypeError(`${path} is no object`);
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const key = path === '' ? name : `${path}.${name}`;
    const own: [string, Key] = [key, describe(property)];
    if (IsObject(property)) return keysOf(property, key);
    if (IsRecord(property)) {
      const [value] = Object.values(property.patternProperties);
      return value !== undefined && IsObject(value) ? [own, ...keysOf(value)] : [own];
    }
    const items = IsArray(property) ? (property.items as TSchema) : null;
    return items !== null && IsObject(items) ? [own, ...keysOf(items, `${key}[]`)] : [own];
  });
}

function describe(schema: TSchema): Key {
  const { default: value, defaultText, secret, pem, duration } = marksOf(schema);
  const file = secret === true || pem === true;
  if (value === undefined) return { defaultText: defaultText ?? required, file };
  return { defaultText: duration === true ? `${value}ms` : JSON.stringify(value), file };
}

/** So that `"public.*"` and `public.*`, `60s` and `60000ms` are the same. */
function normalised(text: string): string {
  const plain = text.replaceAll(/[`"]/g, '');
  const duration = parseDuration(plain);
  return duration === null ? plain : `${duration}ms`;
}

test('every key of the configuration is in the README with its default and its mark, and no other', () => {
  const rows = tableRows(section('Configuration')).filter(([key]) => key !== 'key');
  const said = rows.map(([key = '', defaultText = '']) => {
    const name = /^`([^`]+)`/.exec(key)?.[1] ?? key;
    return [name, { defaultText: normalised(defaultText), file: key.endsWith(' *') }];
  });
  const known = keysOf(fileSchema).map(([name, { defaultText, file }]) => [
    name,
    { defaultText: normalised(defaultText), file },
  ]);
  expect(Object.fromEntries(said)).toEqual(Object.fromEntries(known));
});

test('the configurations of the README and the sample are valid', () => {
  const blocks = [...readme.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) =>
    String(text),
  );
  expect(blocks).toHaveLength(2);
  for (const text of [...blocks, read('sample/watcher.yml')]) {
    const result = loadConfig(text, {
      file: '/etc/watcher/watcher.yml',
      env: { WATCHER_DB_PASSWORD: 'secret' },
      hostname: 'host',
      readFile: () => expect.fail('it names no file'),
    });
    expect(result, text).toHaveProperty('config');
  }
});

test('the calls of the README are those of openapi.json', () => {
  const { paths } = JSON.parse(read('openapi/openapi.json')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const listed = [...section('REST').matchAll(/^\| `((?:GET|POST|PUT|DELETE|PATCH) [^`]+)`/gm)];
  expect(listed.map(([, call]) => call).sort()).toEqual(calls.sort());
});

test('no other path is named, and each is called by curl', () => {
  const { paths } = JSON.parse(read('openapi/openapi.json')) as { paths: Record<string, unknown> };
  const named = [
    ...readme.matchAll(/\/(?:v1\/[\w{}/-]+|healthz|readyz|metrics|openapi\.json)(?![\w/])/g),
  ];
  // Of the repository, not of the API.
  const own = named.filter(({ index }) => !readme.slice(0, index).endsWith('openapi'));
  const generic = own.map(([path]) => path.replace(/^\/v1\/syncs\/[a-z]+/, '/v1/syncs/{name}'));
  expect([...new Set(generic)].sort()).toEqual(Object.keys(paths).sort());
  const curl = readme
    .split('\n')
    .filter((line) => line.includes('$ curl'))
    .join('\n');
  for (const path of Object.keys(paths).filter((known) => known !== '/openapi.json')) {
    expect(curl).toContain(`localhost:8080${path.replace('{name}', 'inventory')}`);
  }
});

test('the metrics of the README are those that are exported', async () => {
  const registry = createMetrics({
    control: new StubControl(),
    configuration: new StubConfiguration(),
    version: '',
    node: '',
  });
  const exported = (await registry.getMetricsAsJSON())
    .map(({ name }) => name)
    .filter((name) => name.startsWith('watcher_'));
  const named = tableRows(section('Metrics')).flatMap(([metric = '']) =>
    [...metric.matchAll(/`(watcher_\w+)/g)].map(([, name]) => String(name)),
  );
  expect(named.sort()).toEqual(exported.sort());
});

test('links lead somewhere', () => {
  const headings = new Set(
    [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title.toLowerCase().replaceAll(' ', '-'),
    ),
  );
  for (const [, target = ''] of readme.matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('#')) expect(headings).toContain(target.slice(1));
    else expect(existsSync(new URL(target, root)), target).toBe(true);
  }
});

test('the commands of the README are those of package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const [, script = ''] of readme.matchAll(/npm run ([a-z:]+)/g)) {
    expect(scripts).toHaveProperty([script]);
  }
});
