/** A catalog of types of every kind, and the encoder of each by name, for tests without a server. */
import { type PgType, TypeCatalog } from '../../src/drivers/postgres/types.ts';
import { fragmentEncoder } from '../../src/drivers/postgres/values.ts';

export const base = (oid: number, name: string): PgType => ({ kind: 'base', oid, name });
const array = (oid: number, element: number, delimiter = ','): PgType => ({
  kind: 'array',
  oid,
  name: `public._${element}`,
  element,
  delimiter,
});
const domain = (oid: number, baseType: number): PgType => ({
  kind: 'domain',
  oid,
  name: `public.d${oid}`,
  baseType,
});

const names = {
  bool: 16,
  bytea: 17,
  char: 18,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  box: 603,
  inet: 869,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  jsonb: 3802,
  uuid: 2950,
  xml: 142,
} as const;

export const oids = {
  ...names,
  int2vector: 22,
  oidvector: 30,
  'int4[]': 1007,
  'text[]': 1009,
  'box[]': 1020,
  'int8[]': 1016,
  'json[]': 199,
  'bytea[]': 1001,
  'int2vector[]': 1006,
  'timestamptz[]': 1185,
  mood: 20001,
  int4range: 3904,
  int4multirange: 4451,
  hstore: 20002,
  pair: 20010,
  'pair[]': 20011,
  outer: 20012,
  none: 20013,
  one: 20014,
  positive: 20020,
  exact: 20021,
  exacter: 20022,
  ints: 20023,
  somePair: 20024,
  'ints[]': 20025,
  bytes: 20026,
} as const;

export const catalog = new TypeCatalog([
  ...Object.entries(names).map(([name, oid]) => base(oid, `pg_catalog.${name}`)),
  { kind: 'vector', oid: 22, name: 'pg_catalog.int2vector', element: 21 },
  { kind: 'vector', oid: 30, name: 'pg_catalog.oidvector', element: 26 },
  array(1007, 23),
  array(1009, 25),
  array(1020, 603, ';'),
  array(1016, 20),
  array(199, 114),
  array(1001, 17),
  array(1006, 22),
  array(1185, 1184),
  { kind: 'enum', oid: 20001, name: 'public.mood' },
  { kind: 'hstore', oid: 20002, name: 'public.hstore' },
  { kind: 'range', oid: 3904, name: 'pg_catalog.int4range' },
  { kind: 'multirange', oid: 4451, name: 'pg_catalog.int4multirange' },
  {
    kind: 'composite',
    oid: 20010,
    name: 'public.pair',
    attributes: [
      { name: 'x', typeOid: 23 },
      { name: 'the "y"', typeOid: 25 },
    ],
  },
  array(20011, 20010),
  {
    kind: 'composite',
    oid: 20012,
    name: 'public.outer',
    attributes: [
      { name: 'p', typeOid: 20010 },
      { name: 'q', typeOid: 20011 },
      { name: 'n', typeOid: 1700 },
    ],
  },
  { kind: 'composite', oid: 20013, name: 'public.none', attributes: [] },
  { kind: 'composite', oid: 20014, name: 'public.one', attributes: [{ name: 'a', typeOid: 25 }] },
  domain(20020, 23),
  domain(20021, 1700),
  domain(20022, 20021),
  domain(20023, 1007),
  domain(20024, 20010),
  array(20025, 20023),
  domain(20026, 17),
]);

export type Name = keyof typeof oids;

export const encode = (
  type: Name,
  text: string,
  numbers: 'number' | 'string' = 'number',
  key = false,
) => fragmentEncoder(catalog.get(oids[type]), catalog, { numbers, key })(text);
