// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax under test
import { expect, test } from 'vitest';
import { expand } from '../../../src/config/expand.ts';
import { configOf, refusals, violationsOf, withGlobal, withSync } from './loading.ts';

const env = { A: 'one', EMPTY: '', TRICKY: '${A} $& $1' };

test.each([
  ['plain', 'plain'],
  ['${A}', 'one'],
  ['x${A}y${A}', 'xoneyone'],
  ['${NONE:-two}', 'two'],
  ['${NONE:-}', ''],
  ['${A:-two}', 'one'],
  ['${EMPTY}', ''],
  ['${EMPTY:-two}', 'two'],
  ['$$', '$'],
  ['$${A}', '${A}'],
  ['$$${A}', '$one'],
  ['$A', '$A'],
  ['a$', 'a$'],
  ['pa$word', 'pa$word'],
  ['${NONE:-a$$b}', 'a$b'],
  ['${TRICKY}', '${A} $& $1'],
])('%s expands to %s', (source, text) => {
  expect(expand(source, env)).toEqual({ text });
});

test.each(['${', '${A', '${1A}', '${A B}', '${}', '${A-x}', '${A:-${B}}'])(
  '%s is malformed',
  (source) => {
    expect(expand(source, env)).toEqual({ problem: expect.stringContaining('that is no ${VAR}') });
  },
);

test('variables that are not set are named, each once', () => {
  expect(expand('${X} ${Y} ${X} ${toString}', env)).toEqual({
    problem: 'needs the environment variable X, Y, toString, which is not set',
  });
});

test('what is expanded is typed again', () => {
  const text = withSync(
    'autostart: "${ON}"\ntables: { include: ["${SCHEMA}.*"] }',
    'port: "${PORT}", password: "${SECRET}", retry_period: "${N}s"',
  );
  const config = configOf(text, {
    env: { ON: 'false', SCHEMA: 'app', PORT: '6432', SECRET: '0042', N: '3' },
  });
  expect(config.syncs[0]).toMatchObject({
    autostart: false,
    tables: { include: ['app.*'] },
    database: { port: 6432, password: '0042', retryPeriodMs: 3000 },
  });
  expect(refusals(text, { env: { ON: 'x', SCHEMA: '', PORT: '', SECRET: '', N: '' } })).toEqual([
    'syncs.a.database.port: must be an integer from 1 to 65535',
    'syncs.a.database.retry_period: must be a duration: <integer>ms, s, m or h, for example 10s',
    'syncs.a.autostart: must be true or false',
    'syncs.a.tables.include[0]: must be schema.table, where * and ? are wildcards',
  ]);
});

test.each([
  ['0123', '0123'],
  ['1e3', '1e3'],
  ['0x1F', '0x1F'],
  ['1_000', '1_000'],
  ['true', 'true'],
  ['12345678901234567890', '12345678901234567890'],
  ['2020-01-01', '2020-01-01'],
  ['"null"', 'null'],
  ["'it''s'", "it's"],
  ['!!str 007', '007'],
])('a text is what is written, whatever YAML would make of it: %s', (written, password) => {
  const text = withGlobal(`etcd:\n  endpoints: [a:1]\n  username: u\n  password: ${written}`);
  expect(configOf(text).etcd.password).toBe(password);
});

test('a block text is a text', () => {
  const text = withGlobal('etcd:\n  endpoints: [a:1]\n  username: u\n  password: |-\n    a\n    b');
  expect(configOf(text).etcd.password).toBe('a\nb');
});

test('keys are not expanded', () => {
  expect(refusals(withGlobal('"${A}": 1'), { env })[0]).toMatch(/unknown key/);
});

test('a variable that is not set is a violation with path and line', () => {
  expect(violationsOf(withGlobal('log_level: "${LEVEL}"'))).toEqual([
    {
      path: 'log_level',
      line: 3,
      message: 'needs the environment variable LEVEL, which is not set',
    },
  ]);
});
