/** What the server leaves out of its catalog is what the globs leave out. */
import { expect, test } from 'vitest';
import { splitTable, tableMatcher } from '../../src/config/tables.ts';
import { createDatabase } from '../support/database.ts';
import { driverOptions, Replica } from '../support/postgres-driver.ts';
import { postgres, postgresMajors } from '../support/servers.ts';

const names = ['a', 'A', 'a_b', 'aXb', '100%', '100x', 'back\\slash', 'star*', 'a.b', 'ä', 'äöü'];
const schemas = ['public', 's_1', 'sX1', 'S%'];
const globs = [
  '*.*',
  'public.*',
  's_1.a_b',
  's?1.a?b',
  'S%.100%',
  '*.back\\*',
  '*.*_*',
  'public.star*',
  'public.?',
  '*1.a.b',
];

test.each(postgresMajors)('globs of every kind (PostgreSQL %i)', async (major) => {
  await using database = await createDatabase(postgres(major));
  for (const schema of schemas) {
    await database.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
    for (const name of names) {
      await database.query(`CREATE TABLE "${schema}"."${name}" (id int PRIMARY KEY)`);
    }
  }
  for (const include of [...globs.map((glob) => [glob]), globs.slice(2, 5)]) {
    const matches = tableMatcher({ include, exclude: [] });
    const expected = schemas
      .flatMap((schema) => names.map((name) => ({ schema, name })))
      .filter(({ schema, name }) => matches(schema, name))
      .map(({ schema, name }) => `${schema}.${name}`);
    const options = { matches: () => true, include: include.map(splitTable) };
    await using replica = new Replica(driverOptions(database, options));
    const { tables } = await replica.prepare();
    const found = tables.map(({ relation }) => `${relation.schema}.${relation.table}`);
    expect(found.sort(), include.join()).toEqual(expected.sort());
  }
});
