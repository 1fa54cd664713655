/**
 * One row for each text that has broken programs, and random ones, of every type: the dump and the stream give the
 * same bytes, and they are what row_to_json gives on the source. The seed is printed; VALUES_SEED repeats it.
 */
import type { EventEmitter } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeCopyRow } from '../../src/drivers/postgres/copy-text.ts';
import { unchanged } from '../../src/drivers/postgres/message-reader.ts';
import { decodePgoutput } from '../../src/drivers/postgres/pgoutput.ts';
import { nullFragment } from '../../src/drivers/postgres/scalar-values.ts';
import { TypeCatalog } from '../../src/drivers/postgres/types.ts';
import { fragmentEncoder } from '../../src/drivers/postgres/values.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { jsonTokens } from '../support/json-tokens.ts';
import { orNull, seeded } from '../support/random-values.ts';
import { postgres, postgresMajors } from '../support/servers.ts';
import { type ValueColumn, valueColumns, valueTypes } from '../support/value-columns.ts';

const seed = Number(process.env.VALUES_SEED ?? Math.floor(Math.random() * 2 ** 32));
const randomRows = 150;
console.log(`values: seed ${seed}`);

interface NamedColumn extends ValueColumn {
  readonly name: string;
  readonly typeOid: number;
}

/** The columns that `values.numbers: string` writes as strings. */
const decimals = ['int8', 'numeric', 'numeric(65,30)', 'exact', 'big'];

type Texts = readonly (string | null)[];

async function openDatabase(major: (typeof postgresMajors)[number]): Promise<TestDatabase> {
  const database = await createDatabase(postgres(major));
  await database.query(
    `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
     SET extra_float_digits = 3; SET bytea_output = 'hex'`,
  );
  for (const sql of valueTypes) await database.query(sql);
  return database;
}

/** Makes table `v` with the columns that this server can have. */
async function createTable({ query, client }: TestDatabase): Promise<NamedColumn[]> {
  const rows = await query(
    `SELECT name FROM pg_available_extensions WHERE name IN ('hstore', 'citext', 'ltree', 'cube')`,
  );
  const extensions = rows.map(({ name }) => name as string);
  for (const name of extensions) await query(`CREATE EXTENSION ${name}`);
  const version = Number((await query('SHOW server_version_num'))[0]?.server_version_num);
  const columns = valueColumns
    .filter(({ since = 0 }) => version >= since)
    .filter(({ extension }) => extension === undefined || extensions.includes(extension))
    .map((column, index) => ({ ...column, name: `c${index} ${column.type}` }));
  const list = columns.map(({ name, type }) => `${client.escapeIdentifier(name)} ${type}`);
  await query(`CREATE TABLE v (id serial PRIMARY KEY, ${list.join(', ')})`);
  const attributes = await query(
    `SELECT atttypid::int8::text AS oid FROM pg_attribute WHERE attrelid = 'v'::regclass AND attnum > 1 ORDER BY attnum`,
  );
  return columns.map((column, index) => ({
    ...column,
    typeOid: Number(attributes[index]?.oid),
  }));
}

async function insertRows(
  { query, client }: TestDatabase,
  columns: readonly NamedColumn[],
): Promise<void> {
  const random = seeded(seed);
  const hostile = Math.max(...columns.map((column) => column.hostile.length));
  const values = columns.map(({ type }, index) => `$${index + 1}::${type}`);
  const names = columns.map(({ name }) => client.escapeIdentifier(name));
  const sql = `INSERT INTO v (${names.join(', ')}) VALUES (${values.join(', ')})`;
  await query(`INSERT INTO v DEFAULT VALUES`);
  for (let row = 0; row < hostile + randomRows; row++) {
    const texts = columns.map((column) => column.hostile[row] ?? orNull(column.random)(random));
    await query(sql, texts);
  }
}

/** Rows of `v` as COPY writes them, without `id`. */
async function copyRows(
  { query, client }: TestDatabase,
  columns: readonly NamedColumn[],
): Promise<Texts[]> {
  const { connection } = client as unknown as { connection: EventEmitter };
  const rows: Texts[] = [];
  const collect = ({ chunk }: { chunk: Buffer }) =>
    rows.push(decodeCopyRow(chunk, columns.length + 1).slice(1));
  connection.on('copyData', collect);
  await query('COPY (SELECT * FROM v ORDER BY id) TO STDOUT');
  connection.off('copyData', collect);
  return rows;
}

async function streamedRows({ query }: TestDatabase, slot: string): Promise<Texts[]> {
  const rows = await query(
    `SELECT data FROM pg_logical_slot_get_binary_changes('${slot}', NULL, NULL, 'proto_version', '1', 'publication_names', 'all_tables')`,
  );
  return rows
    .map(({ data }) => decodePgoutput(data as Buffer))
    .filter((message) => message.type === 'insert')
    .map((message) => message.new.slice(1).map(textOf));
}

function textOf(value: string | null | typeof unchanged): string | null {
  if (value === unchanged) throw new Error('an insert omits a value');
  return value;
}

describe.each(postgresMajors)('PostgreSQL %i', (major) => {
  let database: TestDatabase;
  let columns: NamedColumn[] = [];
  let copied: Texts[] = [];
  let streamed: Texts[] = [];
  const catalog = new TypeCatalog();

  beforeAll(async () => {
    database = await openDatabase(major);
    const slot = database.name;
    columns = await createTable(database);
    await database.query('CREATE PUBLICATION all_tables FOR ALL TABLES');
    await database.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
    await insertRows(database, columns);
    copied = await copyRows(database, columns);
    streamed = await streamedRows(database, slot);
    const oids = columns.map(({ typeOid }) => typeOid);
    await catalog.load((sql, parameters) => database.query(sql, [...parameters]), oids);
  });

  afterAll(() => database[Symbol.asyncDispose]());

  function encode(rows: readonly Texts[], numbers: 'number' | 'string'): string[][] {
    const options = { numbers, key: false };
    const encoders = columns.map(({ typeOid }) =>
      fragmentEncoder(catalog.get(typeOid), catalog, options),
    );
    return rows.map((row) =>
      encoders.map((encoder, index) => {
        const text = row[index] ?? null;
        return text === null ? nullFragment : encoder(text);
      }),
    );
  }

  test('the dump and the stream give the same bytes', () => {
    expect(copied.length).toBeGreaterThan(randomRows);
    expect(encode(streamed, 'number')).toEqual(encode(copied, 'number'));
  });

  test.each(['number', 'string'] as const)(
    'what row_to_json gives, numbers as %s',
    async (numbers) => {
      const list = columns.map(({ name, type }) => {
        const cast = numbers === 'string' && decimals.includes(type) ? '::text' : '';
        return `${database.client.escapeIdentifier(name)}${cast}`;
      });
      const expected = await database.query(
        `SELECT row_to_json(r)::text AS json FROM (SELECT ${list.join(', ')} FROM v ORDER BY id) r`,
      );
      expect(copied).toHaveLength(expected.length);
      for (const [index, row] of encode(copied, numbers).entries()) {
        const members = columns.map(({ name }, at) => `${JSON.stringify(name)}:${row[at]}`);
        expect(jsonTokens(`{${members.join(',')}}`)).toEqual(jsonTokens(expected[index]?.json));
      }
    },
  );
});
