/** What a server would say, for tests that need none. */
import type { MysqlDriverOptions } from '../../src/drivers/mysql/options.ts';
import type { ServerFacts } from '../../src/drivers/mysql/server-facts.ts';

const variables = {
  log_bin: 'ON',
  binlog_format: 'ROW',
  binlog_row_image: 'FULL',
  binlog_row_metadata: 'FULL',
  server_id: '1',
  gtid_mode: 'ON',
  binlog_expire_logs_seconds: '2592000',
};

/** A MySQL 9.7 that lacks nothing. */
export function mysqlFacts(
  changes: Partial<Omit<ServerFacts, 'variables'>> & { variables?: Record<string, string> } = {},
): ServerFacts {
  return {
    flavour: 'mysql',
    version: 90704,
    versionText: '9.7.4',
    account: 'watcher@%',
    gtids: true,
    logEnd: { file: 'binlog.000001', offset: 4, gtid: '', doDb: '', ignoreDb: '' },
    mayMonitor: true,
    grants: new Set(['RELOAD', 'XA_RECOVER_ADMIN']),
    mayLock: false,
    replicaRole: 'none',
    ...changes,
    variables: new Map(Object.entries({ ...variables, ...changes.variables })),
  };
}

export function plainOptions(changes: Partial<MysqlDriverOptions> = {}): MysqlDriverOptions {
  return {
    sync: 'test',
    host: 'db',
    port: 3306,
    databases: ['s'],
    user: 'watcher',
    password: '',
    tls: { mode: 'disable', ca: null },
    serverId: 4_000_000_001,
    matches: () => true,
    excludesColumn: () => false,
    keyColumns: {},
    numbers: 'number',
    parallel: 1,
    dumpMethod: 'native',
    dumpProgram: null,
    path: '',
    onUnloggedCascade: 'refuse',
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...changes,
  };
}
