/** A configured sync → its driver: the one place that knows every kind of database. */

import type { SyncConfig } from '../config/config.ts';
import { columnMatcher, tableMatcher } from '../config/tables.ts';
import { WatcherError } from '../errors.ts';
import type { Driver } from '../replication/driver.ts';
import type { Log } from '../replication/log.ts';
import { createPostgresDriver } from './postgres/driver.ts';

/** @returns a maker of drivers: each attempt needs a fresh one. */
export function driverFactory(sync: SyncConfig, log: Log): () => Driver {
  if (sync.driver === 'mysql') {
    throw new WatcherError('source_unsupported', {
      message: `The driver mysql of the sync ${sync.name} is not available in this version`,
    });
  }
  const { database, postgres } = sync;
  const options = {
    sync: sync.name,
    host: database.host,
    port: database.port,
    database: database.name,
    user: database.user,
    password: database.password,
    tls: database.tls,
    publication: postgres.publication,
    slot: postgres.slot,
    managePublication: postgres.managePublication,
    failover: postgres.failover,
    matches: tableMatcher(sync.tables),
    excludesColumn: columnMatcher(sync.columns.exclude),
    keyColumns: sync.keys.columns,
    numbers: sync.values.numbers,
    parallel: sync.dump.parallel,
    statusIntervalMs: database.replicationStatusTimeoutMs,
    logger: log,
  };
  return () => createPostgresDriver(options);
}
