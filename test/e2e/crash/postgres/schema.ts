/**
 * The tables of the crash test on PostgreSQL. Triggers write each change of a row, as `row_to_json` has it, into a journal in the
 * same transaction: what was committed is then known without Watcher and without a decoder of the log.
 */

export const tableNames = ['items', 'pairs', 'seats', 'blobs', 'logs', 'bulk'] as const;
export type TableName = (typeof tableNames)[number];

export interface SchemaOptions {
  /** Rows of `bulk`, which make the first dump long. */
  readonly bulkRows: number;
}

/** `rid` names a row for ever, whatever its key; `txn` is a number of the writer's, so that each state is another. */
export function schemaSql({ bulkRows }: SchemaOptions): string {
  const identity = `rid bigint NOT NULL DEFAULT nextval('rid'), txn bigint NOT NULL DEFAULT 0`;
  return `
CREATE SEQUENCE rid;
CREATE TABLE items (id int PRIMARY KEY, ${identity}, small smallint, n int8, dec numeric, flt float8,
  doc json, docb jsonb, note text);
CREATE TABLE pairs (a int, b text, ${identity}, amount numeric(30, 5), PRIMARY KEY (a, b));
CREATE TABLE seats (pos int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, ${identity}, label text);
ALTER TABLE seats REPLICA IDENTITY FULL;
CREATE TABLE blobs (id int PRIMARY KEY, ${identity}, n int, big text);
ALTER TABLE blobs ALTER big SET STORAGE EXTERNAL;
CREATE TABLE logs (id int NOT NULL, day date NOT NULL, ${identity}, line text, UNIQUE (id, day));
ALTER TABLE logs REPLICA IDENTITY FULL;
CREATE TABLE bulk (id int PRIMARY KEY, ${identity}, v text);

INSERT INTO items (id, n, note) SELECT i, i, 'first' FROM generate_series(1, 200) i;
INSERT INTO pairs (a, b, amount) SELECT i / 10, 'b' || i % 10, i FROM generate_series(1, 200) i;
INSERT INTO seats (pos, label) SELECT i, 'seat ' || i FROM generate_series(1, 100) i;
INSERT INTO blobs (id, n, big) SELECT i, 0, repeat(md5(i::text), 80) FROM generate_series(1, 100) i;
INSERT INTO logs (id, day, line) SELECT i, '2020-01-01', 'first' FROM generate_series(1, 100) i;
INSERT INTO bulk (id, v) SELECT i, 'first ' || md5(i::text) FROM generate_series(1, ${bulkRows}) i;
ANALYZE;

CREATE TABLE journal (seq bigserial PRIMARY KEY, xid bigint NOT NULL DEFAULT txid_current(), tab text NOT NULL,
  op text NOT NULL, rid bigint, value text);
CREATE FUNCTION record_row() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO journal (tab, op, rid) VALUES (TG_TABLE_NAME, 'row', OLD.rid);
  ELSE
    INSERT INTO journal (tab, op, rid, value)
    VALUES (TG_TABLE_NAME, 'row', NEW.rid, row_to_json(NEW)::text);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION record_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO journal (tab, op) VALUES (TG_TABLE_NAME, 'truncate');
  RETURN NULL;
END $$;
${tableNames
  .map(
    (table) => `
CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION record_row();
CREATE TRIGGER record_all AFTER TRUNCATE ON ${table} EXECUTE FUNCTION record_truncate();`,
  )
  .join('')}`;
}

/**
 * A column with a default: the server writes nothing of the rows into its log. The journal gets every row, and an
 * entry that says that the log has not.
 */
export function addColumnSql(table: TableName, column: string, value: number): string {
  return `
BEGIN;
ALTER TABLE ${table} ADD COLUMN ${column} int DEFAULT ${value};
INSERT INTO journal (tab, op) VALUES ('${table}', 'unlogged');
INSERT INTO journal (tab, op, rid, value) SELECT '${table}', 'row', t.rid, row_to_json(t)::text FROM ${table} t;
COMMIT;`;
}
