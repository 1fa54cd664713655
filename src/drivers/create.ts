/** A configured sync → its driver: the one place that knows every kind of database. */
import { env } from 'node:process';
import type { EtcdConfig, SyncConfig } from '../config/config.ts';
import { columnMatcher, tableMatcher } from '../config/tables.ts';
import type { Driver } from '../replication/driver.ts';
import type { Log } from '../replication/log.ts';
import { autoServerId, createMysqlDriver } from './mysql/driver.ts';
import { streamBinlog } from './mysql/stream.ts';
import { createPostgresDriver } from './postgres/driver.ts';

/**
 * @param etcd where the rows go: two installations may follow one database, each to an etcd of its own.
 * @returns a maker of drivers: each attempt needs a fresh one.
 */
export function driverFactory(sync: SyncConfig, etcd: EtcdConfig, log: Log): () => Driver {
  return sync.driver === 'mysql' ? mysqlFactory(sync, etcd, log) : postgresFactory(sync, log);
}

function postgresFactory(sync: SyncConfig, log: Log): () => Driver {
  const { database, postgres } = sync;
  const options = {
    ...commonOptions(sync, log),
    database: database.names[0] ?? '',
    publication: postgres.publication,
    slot: postgres.slot,
    managePublication: postgres.managePublication,
    failover: postgres.failover,
    statusIntervalMs: database.replicationStatusTimeoutMs,
  };
  return () => createPostgresDriver(options);
}

function mysqlFactory(sync: SyncConfig, etcd: EtcdConfig, log: Log): () => Driver {
  const { database, dump, mysql } = sync;
  const { names, host, port } = database;
  const seed = [sync.name, host, port, ...names, etcd.statePrefix, ...etcd.endpoints];
  const options = {
    ...commonOptions(sync, log),
    databases: names,
    serverId: mysql.serverId === 'auto' ? autoServerId(JSON.stringify(seed)) : mysql.serverId,
    dumpMethod: dump.method,
    dumpProgram: dump.program,
    path: env.PATH ?? '',
    onUnloggedCascade: mysql.onUnloggedCascade,
  };
  return () => createMysqlDriver(options, streamBinlog);
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
