/** What a file must be beyond the type of each of its values. */

import type { SyncConfig } from './config.ts';
import { crossChecks } from './cross-checks.ts';
import { isLoopback } from './loopback.ts';
import type { Draft, GlobalContent, LocatedSync } from './normalise.ts';
import { childPath, type Report } from './report.ts';
import { columnMatcher, isLiteral, splitTable } from './tables.ts';
import { templateProblems } from './template.ts';
import { checkTlsTexts } from './tls-texts.ts';

export function checkDraft(draft: Draft, report: Report): void {
  checkApi(draft.content.api, report);
  checkEtcd(draft.content.etcd, report);
  for (const located of draft.syncs) checkSync(located, report);
  crossChecks(draft, report);
}

function checkApi(api: GlobalContent['api'], report: Report): void {
  if (!isLoopback(api.host) && api.tokens.length === 0 && !report.has('api.host', 'api.tokens')) {
    report.add(
      'api.host',
      'is not a loopback address: without authentication only loopback is served; set api.tokens',
    );
  }
  refuseRepeated(api.tokens, 'name', report);
  refuseRepeated(api.tokens, 'token', report);
  if (api.tls !== undefined) checkTlsTexts('api.tls', api.tls, report);
}

/** The message names the first of the two tokens, never its text. */
function refuseRepeated(
  tokens: GlobalContent['api']['tokens'],
  member: 'name' | 'token',
  report: Report,
): void {
  for (const [index, token] of tokens.entries()) {
    const first = tokens.findIndex((other) => other[member] === token[member]);
    if (first === index || token[member] === '') continue;
    const path = `api.tokens[${index}].${member}`;
    const at = report.isLocated(path) ? path : `${path}_file`;
    report.add(at, `is that of api.tokens[${first}] too; each token needs its own`);
  }
}

function checkEtcd(etcd: GlobalContent['etcd'], report: Report): void {
  for (const [index, endpoint] of etcd.endpoints.entries()) {
    const port = Number(/:(\d+)\/?$/.exec(endpoint)?.[1]);
    if (port < 1 || port > 65_535)
      report.add(`etcd.endpoints[${index}]`, 'must have a port from 1 to 65535');
  }
  const secure =
    etcd.tls !== undefined || etcd.endpoints.some((endpoint) => endpoint.startsWith('https:'));
  const plain = etcd.endpoints.findIndex((endpoint) => endpoint.startsWith('http:'));
  if (secure && plain >= 0) {
    report.add(`etcd.endpoints[${plain}]`, 'must not be http://: the connection to etcd is by TLS');
  }
  if (etcd.password !== '' && etcd.username === '' && !report.has('etcd.username')) {
    report.add('etcd.password', 'needs etcd.username');
  }
  const { cert, key } = etcd.tls ?? {};
  if ((cert === undefined) !== (key === undefined) && !report.has('etcd.tls')) {
    report.add('etcd.tls', 'needs both cert and key, or neither');
  }
  if (etcd.tls !== undefined) checkTlsTexts('etcd.tls', etcd.tls, report);
}

function checkSync({ path, sync }: LocatedSync, report: Report): void {
  const at = (...keys: string[]) => keys.reduce(childPath, path);
  if (!report.has(at('keys', 'template'), at('tables', 'include'))) {
    for (const problem of templateProblems(sync.keys.template, sync.tables.include)) {
      report.add(at('keys', 'template'), problem);
    }
  }
  checkDatabases(sync, at, report);
  if (sync.dump.method === 'mysqldump' && sync.driver !== 'mysql') {
    report.add(at('dump', 'method'), 'mysqldump is for the driver mysql; use native');
  }
  const { ca } = sync.database.tls;
  if (ca !== null) checkTlsTexts(at('database', 'tls'), { ca }, report);
  checkKeyColumns(sync, at, report);
}

/** NAMEDATALEN of PostgreSQL; one less. */
const maxPostgresNameBytes = 63;

function checkDatabases(
  { driver, database, tables, keys }: SyncConfig,
  at: (...keys: string[]) => string,
  report: Report,
): void {
  const path = at('database', 'name');
  const [first = ''] = database.names;
  if (report.has(path)) return;
  if (driver === 'pgx') {
    if (database.names.length > 1)
      report.add(path, 'must be one database: a sync of PostgreSQL has one');
    else if (Buffer.byteLength(first) > maxPostgresNameBytes) {
      report.add(path, `must not be longer than ${maxPostgresNameBytes} bytes`);
    }
    return;
  }
  if (database.names.length > 1 && keys.template.includes('{database}')) {
    report.add(
      at('keys', 'template'),
      'has {database}, and database.name has several: write {schema}',
    );
  }
  if (report.has(at('tables', 'include'))) return;
  for (const [index, item] of tables.include.entries()) {
    const { schema } = splitTable(item);
    if (!isLiteral(schema) || database.names.includes(schema)) continue;
    report.add(
      `${at('tables', 'include')}[${index}]`,
      'is of a database that is not in database.name',
    );
  }
}

function checkKeyColumns(
  sync: SyncConfig,
  at: (...keys: string[]) => string,
  report: Report,
): void {
  if (report.has(at('columns', 'exclude'), at('keys', 'columns'))) return;
  const excluded = columnMatcher(sync.columns.exclude);
  for (const [name, columns] of Object.entries(sync.keys.columns)) {
    const { schema, table } = splitTable(name);
    for (const [index, column] of columns.entries()) {
      if (!excluded(schema, table, column)) continue;
      report.add(
        `${at('keys', 'columns', name)}[${index}]`,
        'a key column cannot be excluded (columns.exclude)',
      );
    }
  }
}
