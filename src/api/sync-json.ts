/** SyncStatus → the sync of the API: snake_case, times as RFC 3339 with milliseconds and `Z`. */

import type { LastError, SyncStatus, TableDumpStatus } from '../replication/status.ts';
import type { SyncJson } from './schemas/sync.ts';

export function syncToJson(status: SyncStatus): SyncJson {
  return {
    name: status.name,
    driver: status.driver,
    state: status.state,
    desired: status.desired,
    instance: status.instance,
    position: status.position,
    source_position: status.sourcePosition,
    lag: { bytes: status.lag.bytes, seconds: status.lag.seconds },
    dump: dumpToJson(status.dump),
    counters: countersToJson(status.counters),
    retained_log_bytes: status.retainedLogBytes,
    checkpoint: {
      revision: status.checkpoint.revision,
      committed_at: timeToJson(status.checkpoint.committedAt),
    },
    warnings: status.warnings.map(({ code, message, remedy, table }) => ({
      code,
      message,
      remedy,
      table,
    })),
    last_error: lastErrorToJson(status.lastError),
  };
}

/** The other way round, for what the API does not show: nothing. */
export function syncFromJson(json: SyncJson): SyncStatus {
  const { dump, checkpoint, last_error: lastError } = json;
  const { etcd_txns: etcdTxns, ...counters } = json.counters;
  return {
    name: json.name,
    driver: json.driver,
    state: json.state,
    desired: json.desired,
    instance: json.instance,
    position: json.position,
    sourcePosition: json.source_position,
    lag: json.lag,
    dump: {
      state: dump.state,
      startedAt: timeFromJson(dump.started_at),
      finishedAt: timeFromJson(dump.finished_at),
      percent: dump.percent,
      etaSeconds: dump.eta_seconds,
      tables: dump.tables.map(({ rows_estimated: rowsEstimated, ...table }) => ({
        ...table,
        rowsEstimated,
      })),
    },
    counters: { ...counters, etcdTxns },
    retainedLogBytes: json.retained_log_bytes,
    safeLogBytes: null,
    checkpoint: {
      revision: checkpoint.revision,
      committedAt: timeFromJson(checkpoint.committed_at),
    },
    warnings: json.warnings,
    lastError:
      lastError === null
        ? null
        : {
            code: lastError.code as LastError['code'],
            message: lastError.message,
            remedy: lastError.remedy,
            at: new Date(lastError.at),
            retryAt: timeFromJson(lastError.retry_at),
          },
    leading: false,
    leaderState: null,
    stalled: false,
  };
}

function timeFromJson(time: string | null): Date | null {
  return time === null ? null : new Date(time);
}

export function lastErrorToJson(error: LastError | null): SyncJson['last_error'] {
  if (error === null) return null;
  return {
    code: error.code,
    message: error.message,
    remedy: error.remedy,
    at: error.at.toISOString(),
    retry_at: timeToJson(error.retryAt),
  };
}

function dumpToJson(dump: SyncStatus['dump']): SyncJson['dump'] {
  return {
    state: dump.state,
    started_at: timeToJson(dump.startedAt),
    finished_at: timeToJson(dump.finishedAt),
    percent: dump.percent,
    eta_seconds: dump.etaSeconds,
    tables: dump.tables.map(tableToJson),
  };
}

function tableToJson(table: TableDumpStatus): SyncJson['dump']['tables'][number] {
  return {
    table: table.table,
    state: table.state,
    rows: table.rows,
    rows_estimated: table.rowsEstimated,
  };
}

function countersToJson(counters: SyncStatus['counters']): SyncJson['counters'] {
  return {
    transactions: counters.transactions,
    inserts: counters.inserts,
    updates: counters.updates,
    deletes: counters.deletes,
    truncates: counters.truncates,
    puts: counters.puts,
    etcd_txns: counters.etcdTxns,
    bytes: counters.bytes,
  };
}

function timeToJson(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
