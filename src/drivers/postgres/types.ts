/**
 * What the catalog knows of the types of columns: enough to tell how row_to_json writes a value of each.
 * Source: PostgreSQL documentation, "pg_type" (System Catalogs), the same from version 10 to 18.
 */
import { WatcherError } from '../../errors.ts';

interface NamedType {
  readonly oid: number;
  /** `schema.name` */
  readonly name: string;
}

/** One JSON scalar; `hstore`, whose own cast to json makes an object, apart. */
export interface ScalarType extends NamedType {
  readonly kind: 'base' | 'enum' | 'range' | 'multirange' | 'hstore';
}

export interface ArrayType extends NamedType {
  readonly kind: 'array';
  readonly element: number;
  /** Between elements: `,`, but `;` for box. */
  readonly delimiter: string;
}

/** int2vector and oidvector: arrays in JSON, but their text is elements and spaces. */
export interface VectorType extends NamedType {
  readonly kind: 'vector';
  readonly element: number;
}

export interface Attribute {
  readonly name: string;
  readonly typeOid: number;
}

/** Also the row type of a table. */
export interface CompositeType extends NamedType {
  readonly kind: 'composite';
  /** In the order of their numbers, without dropped ones. */
  readonly attributes: readonly Attribute[];
}

export interface DomainType extends NamedType {
  readonly kind: 'domain';
  /** May be a domain again. */
  readonly baseType: number;
}

export type PgType = ScalarType | ArrayType | VectorType | CompositeType | DomainType;

/** Runs one statement and gives its rows, each a member per column. */
export type CatalogQuery = (
  sql: string,
  parameters: readonly string[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * The types $1 and all that they are made of, a row each, as JSON text: it reads the same whatever parsers the
 * client has. An array is what get_element_type() takes for one: of variable length and with an element type
 * (point and name have element types too).
 */
export const typesSql = `
WITH RECURSIVE wanted(oid) AS (
  SELECT unnest($1::pg_catalog.oid[])
  UNION
  SELECT part.oid
  FROM wanted
  JOIN pg_catalog.pg_type t ON t.oid = wanted.oid
  CROSS JOIN LATERAL (
    SELECT t.typelem AS oid WHERE t.typlen = -1 AND t.typelem <> 0
    UNION ALL
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) part
)
SELECT pg_catalog.json_build_object(
  'oid', t.oid::int8,
  'name', n.nspname || '.' || t.typname,
  'typtype', t.typtype,
  'element', CASE WHEN t.typlen = -1 THEN t.typelem::int8 ELSE 0 END,
  'delimiter', e.typdelim,
  'base', t.typbasetype::int8,
  'attributes', (
    SELECT pg_catalog.json_agg(
      pg_catalog.json_build_object('name', a.attname, 'typeOid', a.atttypid::int8) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ),
  'hstore', t.typname = 'hstore' AND EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid AND x.extname = 'hstore'
    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid
      AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
  )
)::text AS type
FROM wanted
JOIN pg_catalog.pg_type t ON t.oid = wanted.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem`;

interface TypeRow extends NamedType {
  readonly typtype: string;
  readonly element: number;
  readonly delimiter: string | null;
  readonly base: number;
  readonly attributes: readonly Attribute[] | null;
  readonly hstore: boolean;
}

const int2vectorOid = 22;
const oidvectorOid = 30;

/** The types that were loaded, by oid. A type may change under its oid: load it again to see that. */
export class TypeCatalog {
  readonly #types = new Map<number, PgType>();

  constructor(types: Iterable<PgType> = []) {
    for (const type of types) this.#types.set(type.oid, type);
  }

  /**
   * Reads the types with these oids, anew if they are known, and everything that they are made of. An oid that
   * is not in pg_type is passed over: `get` will say so, if it is asked for.
   */
  async load(query: CatalogQuery, oids: Iterable<number>): Promise<void> {
    const list = `{${[...new Set(oids)].join(',')}}`;
    for (const row of await query(typesSql, [list])) {
      const type = toPgType(JSON.parse(String(row.type)) as TypeRow);
      this.#types.set(type.oid, type);
    }
  }

  has(oid: number): boolean {
    return this.#types.has(oid);
  }

  /** @throws WatcherError `unsupported_value` when the type is not loaded, which means that it is dropped. */
  get(oid: number): PgType {
    const type = this.#types.get(oid);
    if (type !== undefined) return type;
    throw new WatcherError('unsupported_value', {
      message: `The type with oid ${oid} is used in the log but no longer in pg_type`,
      remedy: 'POST /v1/syncs/{name}/dump copies the tables anew.',
    });
  }

  /** The type itself, or what the domain stands for. */
  base(oid: number): Exclude<PgType, DomainType> {
    let type = this.get(oid);
    while (type.kind === 'domain') type = this.get(type.baseType);
    return type;
  }

  /** Equal iff values of the two types are written alike: for `Relation.signature`. */
  signature(oid: number): string {
    const type = this.base(oid);
    switch (type.kind) {
      case 'array':
      case 'vector':
        return `${this.signature(type.element)}[]`;
      case 'composite': {
        const attributes = type.attributes.map(
          ({ name, typeOid }) => `${JSON.stringify(name)}:${this.signature(typeOid)}`,
        );
        return `(${attributes.join(',')})`;
      }
      default:
        return String(type.oid);
    }
  }
}

function toPgType(row: TypeRow): PgType {
  const { oid, name } = row;
  if (oid === int2vectorOid || oid === oidvectorOid) {
    return { kind: 'vector', oid, name, element: row.element };
  }
  if (row.element !== 0) {
    return { kind: 'array', oid, name, element: row.element, delimiter: row.delimiter ?? ',' };
  }
  switch (row.typtype) {
    case 'b':
      return { kind: row.hstore ? 'hstore' : 'base', oid, name };
    case 'c':
      return { kind: 'composite', oid, name, attributes: row.attributes ?? [] };
    case 'd':
      return { kind: 'domain', oid, name, baseType: row.base };
    case 'e':
      return { kind: 'enum', oid, name };
    case 'm':
      return { kind: 'multirange', oid, name };
    case 'r':
      return { kind: 'range', oid, name };
    default:
      throw new WatcherError('unsupported_value', {
        message: `The type ${name} is of a kind that this version does not know: ${row.typtype}`,
      });
  }
}
