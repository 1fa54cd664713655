/** What the server, the database and the role are. */
import type { SourceConnection } from './connection.ts';

export interface ServerFacts {
  /** server_version_num */
  readonly version: number;
  readonly versionText: string;
  readonly database: string;
  readonly databaseOid: number;
  readonly encoding: string;
  readonly inRecovery: boolean;
  readonly walLevel: string;
  readonly slotsMax: number;
  readonly slotsUsed: number;
  readonly sendersMax: number;
  readonly sendersUsed: number;
  /** 0: none. */
  readonly walSenderTimeoutMs: number;
  readonly mayReplicate: boolean;
  /** CREATE on the database: needed to create a publication. */
  readonly mayCreate: boolean;
}

const factsSql = `
SELECT current_setting('server_version_num')::int4 AS version, current_setting('server_version') AS version_text,
  d.datname::text AS database, d.oid::int8 AS database_oid, pg_encoding_to_char(d.encoding)::text AS encoding,
  pg_is_in_recovery() AS in_recovery, current_setting('wal_level') AS wal_level,
  current_setting('max_replication_slots')::int4 AS slots_max,
  (SELECT count(*)::int4 FROM pg_replication_slots) AS slots_used,
  current_setting('max_wal_senders')::int4 AS senders_max,
  (SELECT count(*)::int4 FROM pg_stat_get_wal_senders()) AS senders_used,
  (SELECT setting::int4 FROM pg_settings WHERE name = 'wal_sender_timeout') AS wal_sender_timeout,
  r.rolsuper OR r.rolreplication OR EXISTS (
    SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(m.oid, 'MEMBER')) AS may_replicate,
  has_database_privilege(d.oid, 'CREATE') AS may_create
FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user`;

export async function readServerFacts(connection: SourceConnection): Promise<ServerFacts> {
  const row = (await connection.query(factsSql))[0] ?? {};
  return {
    version: Number(row.version),
    versionText: String(row.version_text),
    database: String(row.database),
    databaseOid: Number(row.database_oid),
    encoding: String(row.encoding),
    inRecovery: row.in_recovery === true,
    walLevel: String(row.wal_level),
    slotsMax: Number(row.slots_max),
    slotsUsed: Number(row.slots_used),
    sendersMax: Number(row.senders_max),
    sendersUsed: Number(row.senders_used),
    walSenderTimeoutMs: Number(row.wal_sender_timeout),
    mayReplicate: row.may_replicate === true,
    mayCreate: row.may_create === true,
  };
}
