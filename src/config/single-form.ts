/** The older form of the file: one `database` at the top, which is the sync `default` (SPEC §4). */
import { parseConnection } from './connection.ts';
import { parseMysqlConnection } from './connection-mysql.ts';
import { canonicalDriver, type Draft, toDraft, toSync } from './normalise.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { Report } from './report.ts';
import { singleFileSchema } from './schema.ts';

const connectionPath = 'database.connection';

export function readSingleForm(options: ReaderOptions, hostname: string): Draft {
  const reader = new Reader(options);
  const problem = setFallbacks(reader, options);
  const content = reader.readRoot(singleFileSchema);
  const { database } = content;
  if (problem !== null) options.report.add(connectionPath, problem);
  if (database.storage === 'nested') {
    options.report.add(
      'database.storage',
      'nested is not supported: remove it or write json; each row is a JSON object under its own key, and keys.template says which',
    );
  }
  const driver = theDriver(database, options.report);
  const names = { name: 'default', publication: 'watcherpub', slot: 'watchersub' };
  return toDraft(content, [{ path: '', sync: toSync({ ...content, driver }, names) }], hostname);
}

/**
 * What `database.connection` says holds where the file has no key of its own for it.
 * @returns what is wrong with it.
 */
function setFallbacks(reader: Reader, options: ReaderOptions): string | null {
  // A first look, only for this value: what is wrong with the file is reported by the second.
  const first = new Reader({ ...options, report: new Report() }).readRoot(singleFileSchema);
  const { database } = first;
  if (database.connection === undefined) return null;
  const isMysql = theDriver(database, new Report()) === 'mysql';
  const parse = isMysql ? parseMysqlConnection : parseConnection;
  const connection = parse(database.connection);
  if ('values' in connection) {
    for (const [name, text] of connection.values) {
      reader.setFallback(`database.${name}`, { text, path: connectionPath });
    }
    return null;
  }
  // Host and name were given, somehow: they are not what is missing.
  reader.setFallback('database.host', { text: 'unknown', path: connectionPath });
  reader.setFallback('database.name', { text: 'unknown', path: connectionPath });
  return connection.problem;
}

function theDriver(
  database: { driver?: Alias; type?: Alias; dialect?: Alias },
  report: Report,
): 'pgx' | 'mysql' {
  const names = (['driver', 'type', 'dialect'] as const).filter(
    (name) => database[name] !== undefined,
  );
  const [first] = names;
  if (first === undefined) return 'pgx';
  const driver = canonicalDriver(database[first] ?? 'pgx');
  for (const name of names) {
    if (canonicalDriver(database[name] ?? 'pgx') === driver) continue;
    report.add(`database.${name}`, `contradicts database.${first}; one of them is enough`);
  }
  return driver;
}

type Alias = Parameters<typeof canonicalDriver>[0] | undefined;
