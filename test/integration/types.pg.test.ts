/** What TypeCatalog reads of real catalogs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TypeCatalog } from '../../src/drivers/postgres/types.ts';
import { fragmentEncoder } from '../../src/drivers/postgres/values.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { postgres, postgresMajors } from '../support/servers.ts';
import { valueTypes } from '../support/value-columns.ts';

const options = { numbers: 'number', key: false } as const;
const refused = expect.objectContaining({ code: 'unsupported_value' });

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase(postgres(major));
    for (const sql of valueTypes) await database.query(sql);
  });

  afterAll(() => database[Symbol.asyncDispose]());

  async function load(catalog: TypeCatalog, ...oids: number[]): Promise<void> {
    await catalog.load((sql, parameters) => database.query(sql, [...parameters]), oids);
  }

  async function open(type: string): Promise<{ catalog: TypeCatalog; oid: number }> {
    const rows = await database.query('SELECT $1::regtype::oid::int8::text AS oid', [type]);
    const oid = Number(rows[0]?.oid);
    const catalog = new TypeCatalog();
    await load(catalog, oid);
    return { catalog, oid };
  }

  test('are loaded with all that they are made of', async () => {
    await database.query('CREATE TYPE inner_part AS (a exacter, gone int, b some_pair[])');
    await database.query('ALTER TYPE inner_part DROP ATTRIBUTE gone');
    await database.query('CREATE DOMAIN parts AS inner_part[]');
    const { catalog, oid } = await open('parts');
    const domain = catalog.get(oid);
    expect(domain).toMatchObject({ kind: 'domain', name: 'public.parts' });
    const array = catalog.base(oid);
    if (array.kind !== 'array') throw new Error(array.kind);
    expect(array.delimiter).toBe(',');
    expect(catalog.get(array.element)).toMatchObject({
      kind: 'composite',
      attributes: [{ name: 'a' }, { name: 'b' }],
    });
    expect(catalog.signature(oid)).toMatch(/^\("a":1700,"b":\("x":23,.*:25\)\[\]\)\[\]$/);
  });

  test('an attribute that was added is noticed, and is there after the type is loaded again', async () => {
    await database.query('CREATE TYPE growing AS (a int)');
    const { catalog, oid } = await open('growing');
    const before = catalog.signature(oid);
    await database.query('ALTER TYPE growing ADD ATTRIBUTE b text');
    const text = (await database.query(`SELECT ROW(1, 'x')::growing::text AS text`))[0]?.text;
    expect(() => fragmentEncoder(catalog.get(oid), catalog, options)(text)).toThrow(refused);
    await load(catalog, oid);
    expect(fragmentEncoder(catalog.get(oid), catalog, options)(text)).toBe('{"a":1,"b":"x"}');
    expect(catalog.signature(oid)).not.toBe(before);
  });

  test('a type with a cast to json of its own is its text, as a string', async () => {
    await database.query(`CREATE TYPE tagged AS ENUM ('x')`);
    await database.query(
      `CREATE FUNCTION tagged_json(tagged) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT '{}'::json $$`,
    );
    await database.query('CREATE CAST (tagged AS json) WITH FUNCTION tagged_json(tagged)');
    const { catalog, oid } = await open('tagged');
    expect(fragmentEncoder(catalog.get(oid), catalog, options)('x')).toBe('"x"');
  });

  test('one that does not exist is refused when it is asked for', async () => {
    const catalog = new TypeCatalog();
    await load(catalog, 23, 4_294_967_295);
    expect(catalog.has(23)).toBe(true);
    expect(() => catalog.get(4_294_967_295)).toThrow(refused);
  });
});
