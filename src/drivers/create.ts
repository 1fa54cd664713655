/** A configured sync → its driver: the one place that knows every kind of database. */
import { env } from 'node:process';
import type { EtcdConfig, SyncConfig } from '../config/config.ts';
import { columnMatcher, splitTable, tableMatcher } from '../config/tables.ts';
import type { Driver } from '../replication/driver.ts';
import type { Log } from '../replication/log.ts';

/**
 * A driver and the libraries under it are loaded when a sync needs them: they cost memory.
 * @param etcd where the rows go: two installations may follow one database, each to an etcd of its own.
 * @returns a maker of drivers: each attempt needs a fresh one.
 */
export function driverFactory(sync: SyncConfig, etcd: EtcdConfig, log: Log): () => Promise<Driver> {
  return sync.driver === 'mysql' ? mysqlFactory(sync, etcd, log) : postgresFactory(sync, log);
}

function postgresFactory(sync: SyncConfig, log: Log): () => Promise<Driver> {
  const { database, postgres } = sync;
  const options = {
    ...commonOptions(sync, log),
    database: database.names[0] ?? '',
    include: sync.tables.include.map(splitTable),
    publication: postgres.publication,
    slot: postgres.slot,
    managePublication: postgres.managePublication,
    failover: postgres.failover,
    statusIntervalMs: database.replicationStatusTimeoutMs,
  };
  return async () => (await import('./postgres/driver.ts')).createPostgresDriver(options);
}

function mysqlFactory(sync: SyncConfig, etcd: EtcdConfig, log: Log): () => Promise<Driver> {
  const { database, dump, mysql } = sync;
  const { names, host, port } = database;
  const seed = [sync.name, host, port, ...names, etcd.statePrefix, ...etcd.endpoints];
  const options = {
    ...commonOptions(sync, log),
    databases: names,
    dumpMethod: dump.method,
    dumpProgram: dump.program,
    path: env.PATH ?? '',
    onUnloggedCascade: mysql.onUnloggedCascade,
  };
  return async () => {
    const { autoServerId, createMysqlDriver, installationName } = await import('./mysql/driver.ts');
    const { streamBinlog } = await import('./mysql/stream.ts');
    const { serverId } = mysql;
    const text = JSON.stringify(seed);
    const id = serverId === 'auto' ? autoServerId(text) : serverId;
    const installation = installationName(text);
    return createMysqlDriver({ ...options, serverId: id, installation }, streamBinlog);
  };
}

function commonOptions(sync: SyncConfig, log: Log) {
  const { database } = sync;
  return {
    sync: sync.name,
    host: database.host,
    port: database.port,
    user: database.user,
    password: database.password,
    tls: database.tls,
    matches: tableMatcher(sync.tables),
    excludesColumn: columnMatcher(sync.columns.exclude),
    keyColumns: sync.keys.columns,
    numbers: sync.values.numbers,
    parallel: sync.dump.parallel,
    logger: log,
  };
}
