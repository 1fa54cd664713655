/**
 * What happened, and what to do about it: two questions, one table.
 *
 * An error is classified once, at the edge that knows the library (SQLSTATE, errno, gRPC code), and from
 * there on only its code is looked at; never its text. An unknown error is `internal`: the operator's.
 */

/**
 * What the replicator does with an error.
 * - `retry`: back off, then a fresh attempt on fresh connections.
 * - `redump`: the log can no longer be followed from the checkpoint; a fresh attempt dumps again.
 * - `operator`: stop and wait for a person; the remedy says for what.
 * - `bug`: stop; something that cannot happen happened.
 */
export type Recovery = 'retry' | 'redump' | 'operator' | 'bug';

interface CodeEntry {
  /** One sentence without a full stop; the default `message`. */
  readonly text: string;
  readonly recovery: Recovery;
  /** What a person can do now. An error raised with a remedy of its own (exact SQL, a setting) replaces it. */
  readonly remedy: string;
  /** HTTP status when the error answers a request. */
  readonly status?: number;
}

const codes = {
  // requests
  invalid_request: {
    text: 'The request is not valid',
    recovery: 'operator',
    remedy: 'Compare the request with /openapi.json.',
    status: 400,
  },
  unauthorized: {
    text: 'The request needs a token',
    recovery: 'operator',
    remedy: 'Send Authorization: Bearer TOKEN, with a token of api.tokens.',
    status: 401,
  },
  forbidden: {
    text: 'The request is not allowed with this token, or from here',
    recovery: 'operator',
    remedy: 'Call the API by a loopback address, from the same origin or from a program.',
    status: 403,
  },
  unknown_sync: {
    text: 'There is no sync of this name',
    recovery: 'operator',
    remedy: 'GET /v1/syncs lists the configured syncs.',
    status: 404,
  },
  not_found: {
    text: 'There is nothing at this path',
    recovery: 'operator',
    remedy: 'See /docs for the paths of this API.',
    status: 404,
  },
  method_not_allowed: {
    text: 'This path does not take this method',
    recovery: 'operator',
    remedy: 'The Allow header names the methods that it takes.',
    status: 405,
  },
  sync_stopped: {
    text: 'The sync is stopped',
    recovery: 'operator',
    remedy: 'Start it first: POST /v1/syncs/{name}/start.',
    status: 409,
  },
  sync_not_stopped: {
    text: 'The sync is not stopped',
    recovery: 'operator',
    remedy: 'Stop it, and wait for state: stopped: POST /v1/syncs/{name}/stop.',
    status: 409,
  },
  drop_failed: {
    text: 'What the sync left could not be dropped, or not all of it',
    recovery: 'operator',
    remedy: 'Mend what the message says, then send the same request again: it goes on.',
    status: 409,
  },
  dump_running: {
    text: 'A dump of this sync is running',
    recovery: 'operator',
    remedy: 'Wait for its end (GET /v1/syncs/{name} shows the progress), or stop the sync.',
    status: 409,
  },
  body_too_large: {
    text: 'The request body is too large',
    recovery: 'operator',
    remedy: 'Send a smaller body.',
    status: 413,
  },
  unsupported_media_type: {
    text: 'The request body is not JSON',
    recovery: 'operator',
    remedy: 'Send Content-Type: application/json.',
    status: 415,
  },
  too_many_failures: {
    text: 'Too many wrong tokens came from this address',
    recovery: 'operator',
    remedy: 'Wait as long as Retry-After says, then send a right token.',
    status: 429,
  },
  too_many_streams: {
    text: 'As many event streams are open as one instance serves',
    recovery: 'operator',
    remedy: 'Close a stream, ask another instance, or poll GET /v1/syncs.',
    status: 429,
  },
  unknown_table: {
    text: 'The sync has no such table',
    recovery: 'operator',
    remedy: 'Name tables as schema.table; GET /v1/syncs/{name} lists them under dump.tables.',
    status: 422,
  },
  config_invalid: {
    text: 'The configuration is not valid',
    recovery: 'operator',
    remedy: 'Mend every violation; `watcher check -c <file>` shows them.',
    status: 422,
  },

  // etcd
  etcd_unavailable: {
    text: 'etcd cannot be reached',
    recovery: 'retry',
    remedy:
      'Check etcd.endpoints (with https where etcd is served by TLS), the network and the members: etcdctl endpoint health.',
    status: 503,
  },
  etcd_tls_failed: {
    text: 'The TLS connection to etcd could not be made',
    recovery: 'retry',
    remedy:
      'Check etcd.tls: that ca signed the certificates of the members, that these name the hosts of etcd.endpoints, and that cert and key are given if etcd asks for them.',
  },
  etcd_auth_failed: {
    text: 'etcd refused the user or its password',
    recovery: 'operator',
    remedy: 'Check etcd.username and etcd.password: etcdctl --user NAME:PASSWORD endpoint health.',
  },
  etcd_permission_denied: {
    text: 'The etcd user may not write the keys of this sync',
    recovery: 'operator',
    remedy:
      'etcdctl role grant-permission ROLE --prefix=true readwrite PREFIX, for the key prefix and the state prefix.',
  },
  etcd_no_space: {
    text: 'etcd is full (NOSPACE alarm)',
    recovery: 'retry',
    remedy:
      'Compact, defragment and disarm: etcdctl compact REV, etcdctl defrag, etcdctl alarm disarm; or raise --quota-backend-bytes.',
  },
  request_too_large: {
    text: 'etcd refused a request for its size',
    recovery: 'retry',
    remedy: 'None needed: smaller requests are sent from now on.',
  },
  row_too_large: {
    text: 'A row is larger than one etcd request may be',
    recovery: 'operator',
    remedy:
      'Exclude the large column (columns.exclude), exclude the table (tables.exclude), or raise --max-request-bytes of etcd.',
  },
  fenced: {
    text: 'Another instance has taken over this sync',
    recovery: 'retry',
    remedy:
      'None needed if another instance leads; else look for a second Watcher with this configuration.',
  },
  prefix_not_empty: {
    text: 'There are other keys under the prefix of this sync',
    recovery: 'operator',
    remedy:
      'Choose another keys.template, delete those keys, or set keys.adopt: true, which makes the prefix Watcher’s (keys that are no rows are deleted).',
  },
  dump_needed: {
    text: 'A dump is needed, and dump.mode is never',
    recovery: 'operator',
    remedy: 'Set dump.mode: initial.',
  },
  checkpoint_unreadable: {
    text: 'The checkpoint in etcd was not written by a version that this one understands',
    recovery: 'operator',
    remedy: 'Run the version that wrote it, or delete the checkpoint key to dump again.',
  },

  // source
  source_unavailable: {
    text: 'The database cannot be reached',
    recovery: 'retry',
    remedy: 'Check database.host and database.port, and that the server is up.',
  },
  source_auth_failed: {
    text: 'The database refused the user or its password',
    recovery: 'operator',
    remedy: 'Check database.user and database.password, and pg_hba.conf.',
  },
  source_tls_failed: {
    text: 'The TLS connection to the database could not be made',
    recovery: 'operator',
    remedy: 'Check database.tls: its mode, and that ca signed the certificate of the server.',
  },
  source_unsupported: {
    text: 'This server cannot be replicated',
    recovery: 'operator',
    remedy: 'See the requirements of the source in the documentation.',
  },
  database_missing: {
    text: 'The database does not exist',
    recovery: 'operator',
    remedy: 'Check database.name.',
  },
  source_setting: {
    text: 'A setting of the server forbids logical replication',
    recovery: 'operator',
    remedy: 'Change the setting that the message names, and restart the server.',
  },
  privilege_missing: {
    text: 'The database user lacks a privilege',
    recovery: 'operator',
    remedy: 'Grant the privilege that the message names.',
  },
  slots_exhausted: {
    text: 'The server has no free replication slot or walsender',
    recovery: 'retry',
    remedy:
      'Drop unused slots (SELECT slot_name FROM pg_replication_slots WHERE NOT active), or raise max_replication_slots and max_wal_senders and restart.',
  },
  publication_missing: {
    text: 'The publication does not exist, and manage_publication is off',
    recovery: 'operator',
    remedy: 'CREATE PUBLICATION …, or set postgres.manage_publication: true.',
  },
  publication_mismatch: {
    text: 'The publication does not publish what the sync needs',
    recovery: 'operator',
    remedy: 'ALTER PUBLICATION as the message says, or set postgres.manage_publication: true.',
  },
  publication_replaced: {
    text: 'The publication is not the one that the checkpoint was written with',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again.',
  },
  slot_missing: {
    text: 'The replication slot is gone',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again with a new slot.',
  },
  slot_lost: {
    text: 'The server has removed log that the replication slot still needed',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again. To prevent it, raise max_slot_wal_keep_size.',
  },
  slot_ahead: {
    text: 'The replication slot is ahead of the checkpoint: changes between them are lost to the stream',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again. Look for another reader of this slot.',
  },
  slot_in_use: {
    text: 'Another connection holds the replication slot',
    recovery: 'retry',
    remedy:
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = …, if that reader is not wanted.',
  },
  slot_foreign: {
    text: 'A slot of this name exists, but it is not one that Watcher can use',
    recovery: 'operator',
    remedy: 'Choose another postgres.slot, or drop the slot: SELECT pg_drop_replication_slot(…).',
  },
  slot_creation_timeout: {
    text: 'The replication slot could not be made in time: it waits for running transactions',
    recovery: 'retry',
    remedy: 'End the transactions that the message names.',
  },
  source_replaced: {
    text: 'Another server, database or timeline answers at this address than the one that the checkpoint is of',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again.',
  },
  source_busy: {
    text: 'A lock that is needed on the source did not come in time',
    recovery: 'retry',
    remedy: 'End the transaction that holds the lock.',
  },
  source_error: {
    text: 'The database answered with an error',
    recovery: 'operator',
    remedy: 'Mend what the message says on the server, then start the sync again.',
  },
  binlog_setting: {
    text: 'A setting of the server keeps its binlog from being replicated',
    recovery: 'operator',
    remedy: 'Change the setting that the message names.',
  },
  binlog_purged: {
    text: 'The server has purged binlogs that are not read yet',
    recovery: 'redump',
    remedy:
      'None needed: the sync dumps again. To prevent it, raise binlog_expire_logs_seconds (before MySQL 8.0: expire_logs_days).',
  },
  binlog_incident: {
    text: 'Events are missing or damaged in the binlog of the server',
    recovery: 'redump',
    remedy: 'None needed: the sync dumps again. The error log of the server says what happened.',
  },
  server_id_clash: {
    text: 'Another reader with the same server id has connected',
    recovery: 'retry',
    remedy: 'Give each reader of this server a mysql.server_id of its own.',
  },
  mysqldump_failed: {
    text: 'The dump program failed',
    recovery: 'operator',
    remedy: 'Mend what the message says, or set dump.method: native.',
  },
  unsupported_event: {
    text: 'The log holds something that this version cannot replicate',
    recovery: 'operator',
    remedy: 'Report it with the message; POST /v1/syncs/{name}/dump copies the tables anew.',
  },
  unsupported_value: {
    text: 'A column holds a value that this version cannot represent',
    recovery: 'operator',
    remedy: 'Exclude the column (columns.exclude) or the table (tables.exclude), and report it.',
  },
  no_tables: {
    text: 'No table matches',
    recovery: 'operator',
    remedy: 'Check tables.include and tables.exclude, and that the user may see the tables.',
  },

  // tables: warnings on one table while the others go on
  no_key: {
    text: 'The table has no key',
    recovery: 'operator',
    remedy:
      'Add a primary key, or name unique NOT NULL columns under keys.columns (with REPLICA IDENTITY FULL).',
  },
  no_replica_identity: {
    text: 'The table has no replica identity: updates and deletes do not name the row',
    recovery: 'operator',
    remedy: 'ALTER TABLE … REPLICA IDENTITY DEFAULT (or USING INDEX …, or FULL).',
  },
  table_unsupported: {
    text: 'The table is of a kind that is not in the log',
    recovery: 'operator',
    remedy: 'Exclude it (tables.exclude), or ALTER TABLE … SET LOGGED.',
  },
  key_column_excluded: {
    text: 'A key column is excluded',
    recovery: 'operator',
    remedy: 'Take the column out of columns.exclude.',
  },
  truncate_not_published: {
    text: 'TRUNCATE is not published',
    recovery: 'operator',
    remedy:
      'PostgreSQL 11 or later publishes it; until then use DELETE, or dump again after a TRUNCATE.',
  },
  fk_cascade_not_logged: {
    text: 'Foreign keys change rows of the table, and the server does not log it',
    recovery: 'operator',
    remedy:
      'Set mysql.on_unlogged_cascade: redump, exclude the table, or declare the foreign key with RESTRICT.',
  },
  binlog_expiring: {
    text: 'The server will soon purge binlogs that are not read yet',
    recovery: 'operator',
    remedy: 'SET GLOBAL binlog_expire_logs_seconds = …; or let the sync catch up.',
  },
  source_limited: {
    text: 'The server lacks a feature',
    recovery: 'operator',
    remedy: 'See the message.',
  },
  config_differs: {
    text: 'Another instance has another configuration of this sync',
    recovery: 'operator',
    remedy:
      'Give all instances the same file, then POST /v1/config/reload on each of them: the one that leads decides what is in etcd.',
  },
  log_retained: {
    text: 'The source keeps much log for this sync',
    recovery: 'operator',
    remedy: 'Start the sync, or drop its slot if it is not wanted any more.',
  },

  // ourselves
  internal: {
    text: 'Something happened that should not happen',
    recovery: 'bug',
    remedy: 'Report it with the log around this time. POST /v1/syncs/{name}/start tries again.',
    status: 500,
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof codes;

export const errorCodes: Readonly<Record<ErrorCode, CodeEntry>> = codes;

export interface WatcherErrorOptions {
  /** What happened, to which table or key; a sentence. Never a row value, never a secret. */
  readonly message?: string;
  /** What to do now, with the exact SQL or setting. */
  readonly remedy?: string;
  /** `schema.table`, when one table is meant. */
  readonly table?: string;
  readonly cause?: unknown;
}

/** The only error class that crosses a boundary between parts of Watcher. */
export class WatcherError extends Error {
  override readonly name = 'WatcherError';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly table: string | null;

  constructor(code: ErrorCode, options: WatcherErrorOptions = {}) {
    super(options.message ?? codes[code].text, { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? codes[code].remedy;
    this.table = options.table ?? null;
  }

  get recovery(): Recovery {
    return codes[this.code].recovery;
  }

  get status(): number {
    return errorCodes[this.code].status ?? 500;
  }
}

/** Wraps what is not a WatcherError as `internal`; its text goes to the log, not to a user. */
export function toWatcherError(error: unknown): WatcherError {
  return error instanceof WatcherError ? error : new WatcherError('internal', { cause: error });
}
