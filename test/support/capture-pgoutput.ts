/**
 * Captures the frames of test/fixtures/pgoutput anew from the SQL in their headers:
 *   TEST_PG_URL=postgres://… npx tsx test/support/capture-pgoutput.ts
 * `setup` lines run before the slot exists, `sql` lines after it. Needs PostgreSQL 14 or later, a superuser and wal_level=logical.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { Client } from 'pg';

const folder = new URL('../fixtures/pgoutput/', import.meta.url);
const url = process.env.TEST_PG_URL;
if (url === undefined) throw new Error('set TEST_PG_URL');

for (const file of await readdir(folder)) {
  const path = new URL(file, folder);
  const header = (await readFile(path, 'utf8')).split('\n').filter((line) => line.startsWith('#'));
  const frames = await capture(header);
  await writeFile(path, `${[...header, ...frames].join('\n')}\n`);
  console.log(`${file}: ${frames.length} messages`);
}

async function capture(header: readonly string[]): Promise<string[]> {
  const statements = (kind: string) =>
    header
      .filter((line) => line.startsWith(`# ${kind}: `))
      .map((line) => line.slice(kind.length + 4));
  const admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query('DROP DATABASE IF EXISTS capture_pgoutput');
  await admin.query("CREATE DATABASE capture_pgoutput ENCODING 'UTF8' TEMPLATE template0");
  const target = new URL(String(url));
  target.pathname = '/capture_pgoutput';
  const client = new Client({ connectionString: target.href });
  await client.connect();
  try {
    for (const sql of statements('setup')) await client.query(sql);
    await client.query('CREATE PUBLICATION all_tables FOR ALL TABLES');
    await client.query("SELECT pg_create_logical_replication_slot('capture_pgoutput', 'pgoutput')");
    for (const sql of statements('sql')) await client.query(sql);
    const { rows } = await client.query<{ frame: string }>(
      `SELECT encode(data, 'hex') AS frame FROM pg_logical_slot_get_binary_changes('capture_pgoutput', NULL, NULL,
         'proto_version', '1', 'publication_names', 'all_tables', 'messages', 'true')`,
    );
    await client.query("SELECT pg_drop_replication_slot('capture_pgoutput')");
    return rows.map(({ frame }) => frame);
  } finally {
    await client.end();
    await admin.query('DROP DATABASE capture_pgoutput');
    await admin.query(
      "SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = 'elsewhere'",
    );
    await admin.end();
  }
}
