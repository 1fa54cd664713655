/** The statements of catalog.ts: where the catalogs of PostgreSQL 10 to 18 differ is said here only. */

/**
 * $1, $2: patterns of schemas and tables, pair by pair. Ordinary and partitioned tables outside the system's schemas, with columns, unique indexes and
 * partitions.
 */
export function catalogSql(version: number): string {
  const keyColumns = version >= 110000 ? 'i.indnkeyatts' : 'i.indnatts';
  const generated = version >= 120000 ? 'a.attgenerated' : "''";
  return `
WITH RECURSIVE tree(ancestor, oid) AS (
  SELECT h.inhparent, h.inhrelid FROM pg_inherits h
  JOIN pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('r', 'p', 'f')
  UNION
  SELECT tree.ancestor, h.inhrelid FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid
)
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
  c.relpersistence::text AS persistence, c.relreplident::text AS replica_identity,
  c.relispartition AS is_partition,
  COALESCE((SELECT json_agg(tree.ancestor::int8) FROM tree WHERE tree.oid = c.oid), '[]') AS ancestors,
  c.relfilenode || COALESCE((
    SELECT string_agg(d.oid || ':' || d.relfilenode, ',' ORDER BY d.oid)
    FROM tree JOIN pg_class d ON d.oid = tree.oid
    WHERE c.relkind = 'p' AND tree.ancestor = c.oid), '') AS storage,
  CASE WHEN c.relkind = 'p' THEN (
    SELECT sum(d.reltuples) FROM tree JOIN pg_class d ON d.oid = tree.oid
    WHERE tree.ancestor = c.oid AND d.relkind = 'r' AND d.reltuples >= 0)
    WHEN c.reltuples < 0 THEN NULL ELSE c.reltuples END::float8 AS rows,
  COALESCE((
    SELECT json_agg(json_build_object('attnum', a.attnum, 'name', a.attname, 'typeOid', a.atttypid::int8,
      'typmod', a.atttypmod, 'notNull', a.attnotnull, 'generated', ${generated}, 'storage', a.attstorage)
      ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
  COALESCE((
    SELECT json_agg(json_build_object('name', x.relname,
      'columns', (string_to_array(i.indkey::text, ' ')::int4[])[1:${keyColumns}],
      'primary', i.indisprimary, 'identity', i.indisreplident, 'immediate', i.indimmediate)
      ORDER BY i.indisprimary DESC, i.indimmediate DESC, i.indexrelid)
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL),
    '[]') AS indexes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) g(schema, name)
    WHERE n.nspname LIKE g.schema AND c.relname LIKE g.name)
ORDER BY n.nspname, c.relname`;
}

export const enumsSql = `
SELECT enumtypid::int8 AS oid, json_agg(enumlabel ORDER BY enumsortorder)::text AS labels
FROM pg_enum GROUP BY enumtypid`;

/** $1: the publication's name. */
export function publicationSql(version: number): string {
  return `
SELECT p.oid::int8 AS oid, p.puballtables AS all_tables,
  p.pubinsert AS insert, p.pubupdate AS update, p.pubdelete AS delete,
  ${version >= 110000 ? 'p.pubtruncate' : 'false'} AS truncate,
  ${version >= 130000 ? 'p.pubviaroot' : 'false'} AS via_root,
  pg_has_role(p.pubowner, 'USAGE') AS owned,
  COALESCE((SELECT json_agg(json_build_array(r.prrelid::int8, r.oid::int8))
    FROM pg_publication_rel r WHERE r.prpubid = p.oid), '[]') AS members
FROM pg_publication p WHERE p.pubname = $1`;
}

/** $1: the publication's name. Column lists and row filters came with version 15. */
export function publishedTablesSql(version: number): string {
  const lists = version >= 150000;
  return `
SELECT c.oid::int8 AS oid, ${lists ? 'to_json(t.attnames)' : 'NULL::json'} AS columns,
  ${lists ? 't.rowfilter' : 'NULL::text'} AS row_filter
FROM pg_publication_tables t
JOIN pg_namespace n ON n.nspname = t.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
WHERE t.pubname = $1`;
}

/** $1: a table's oid. */
export const ancestorsSql = `
WITH RECURSIVE up(oid) AS (
  SELECT inhparent FROM pg_inherits WHERE inhrelid = $1::oid
  UNION
  SELECT h.inhparent FROM up JOIN pg_inherits h ON h.inhrelid = up.oid
)
SELECT oid::int8 AS oid FROM up`;
