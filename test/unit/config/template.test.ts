import { expect, test } from 'vitest';
import { templateProblems } from '../../../src/config/template.ts';
import { configOf, refusals, withSync } from './loading.ts';

const all = ['public.*'];

test.each([
  ['/{sync}/{schema}/{table}/{key}', ['*.*']],
  ['json/{table}/{key}', all],
  ['{table}/{key}', all],
  ['/x-{schema}/t-{table}-y/{key}', ['*.*']],
  ['/{schema}.{table}/{key}', all],
  ['/{schema}.{table}/{key}', ['*.orders']],
  ['/{database}{sync}{table}/{key}', all],
  ['/orders/{key}', ['public.orders']],
  ['/orders/{key}', ['public.orders', 'public.orders']],
  ['/{table}/{table}/{schema}/{key}', ['*.*']],
  ['/{schema}/{key}', ['*.orders']],
])('%s with %j is a good template', (template, include) => {
  expect(templateProblems(template, include)).toEqual([]);
});

const noKey = 'must hold {key} exactly once';
const noKeyAtEnd = 'must end with "/{key}"';
const crowded = 'needs a "/" between {schema} and {table}: two tables could share a key';

test.each([
  ['/{schema}/{table}', ['*.*'], [noKey]],
  ['/{key}/{schema}/{table}/{key}', ['*.*'], [noKey]],
  ['/{schema}/{table}/{key}/', ['*.*'], [noKeyAtEnd]],
  ['/{schema}/{table}/k{key}', ['*.*'], [noKeyAtEnd]],
  ['/{schema}/{table}{key}', ['*.*'], [noKeyAtEnd]],
  ['/{schema}.{table}/{key}', ['*.*'], [crowded]],
  ['/{schema}{table}/{key}', ['*.*'], [crowded]],
  ['/{schema}-{sync}-{table}/{key}', ['*.*'], [crowded]],
  ['//{schema}/{table}/{key}', ['*.*'], ['has an empty part: "//"']],
  ['/{schema}/{table}//{key}', ['*.*'], ['has an empty part: "//"']],
  [
    '/{shema}/{schema}/{table}/{key}',
    ['*.*'],
    ['unknown placeholder {shema}; the nearest known one is {schema}'],
  ],
  [
    '/{Table}/{schema}/{table}/{key}',
    ['*.*'],
    ['unknown placeholder {Table}; the nearest known one is {table}'],
  ],
  ['/{schema}/{table/{key}', ['public.t'], ['has a brace that belongs to no placeholder']],
  ['/}{schema}/{table}/{key}', ['*.*'], ['has a brace that belongs to no placeholder']],
  ['/a\nb/{schema}/{table}/{key}', ['*.*'], ['must not hold control characters']],
])('%j with %j is refused', (template, include, problems) => {
  expect(templateProblems(template, include)).toEqual(problems);
});

test.each([
  ['{schema}', '/{table}/{key}', ['*.*'], 'schema'],
  ['{schema}', '/{table}/{key}', ['a.*', 'b.*'], 'schema'],
  ['{schema}', '/{table}/{key}', ['a?.*'], 'schema'],
  ['{table}', '/{schema}/{key}', ['public.*'], 'table'],
  ['{table}', '/{schema}/{key}', ['public.a', 'public.b'], 'table'],
])('%s may not be left out of %s with %j', (placeholder, template, include, name) => {
  expect(templateProblems(template, include)).toEqual([
    `needs ${placeholder}: it may be left out only where every item of tables.include names the same ${name}, without wildcards`,
  ]);
});

test('all that is wrong with a template is said, at its place', () => {
  expect(refusals(withSync('keys: { template: "//{x}" }'))).toEqual([
    'syncs.a.keys.template: has an empty part: "//"',
    'syncs.a.keys.template: unknown placeholder {x}; the nearest known one is {key}',
    'syncs.a.keys.template: must hold {key} exactly once',
    expect.stringContaining('needs {table}'),
  ]);
  expect(refusals(withSync('keys: { template: "" }'))).toEqual([
    'syncs.a.keys.template: must not be empty',
  ]);
});

test('the keys of old are a template', () => {
  const config = configOf(withSync('keys: { template: "json/{table}/{key}" }'));
  expect(config.syncs[0]?.keys.template).toBe('json/{table}/{key}');
});
