/** How the MySQL and MariaDB servers of tests are set up. */

import type { MariadbVersion, MysqlVersion } from './mysql-programs.ts';

/** Options of the server program by their names. `true` is the option without a value, `false` `--skip-` and the option. */
export type MysqlSettings = Readonly<Record<string, string | number | boolean>>;

const common: MysqlSettings = {
  bind_address: '127.0.0.1',
  // Relative to the data folder: the whole path may be too long for the system.
  socket: 's.sock',
  // Accounts are for addresses; nothing is asked of a name server.
  skip_name_resolve: true,
  log_bin: 'binlog',
  binlog_format: 'ROW',
  binlog_row_image: 'FULL',
  binlog_checksum: 'CRC32',
  character_set_server: 'utf8mb4',
  innodb_buffer_pool_size: '64M',
  // Written at every commit but not waited for: it outlives the process, though not the machine. With 0, InnoDB could lose a
  // transaction that the binary log has.
  innodb_flush_log_at_trx_commit: 2,
  sync_binlog: 0,
  max_connections: 200,
};

const own: Record<MysqlVersion | MariadbVersion, MysqlSettings> = {
  '9.7': {
    binlog_row_metadata: 'FULL',
    innodb_redo_log_capacity: '32M',
    performance_schema: 'OFF',
    // No TLS unless it is asked for.
    auto_generate_certs: 'OFF',
  },
  '5.6': {
    log_slave_updates: true,
    explicit_defaults_for_timestamp: true,
    sql_mode: 'NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES',
    performance_schema: 'OFF',
  },
  '10.11': {
    binlog_row_metadata: 'FULL',
    innodb_log_file_size: '16M',
  },
};

/** The settings of a server of that version; MariaDB has no GTID mode. */
export function defaultSettings(
  version: MysqlVersion | MariadbVersion,
  gtid: boolean,
): MysqlSettings {
  const mode = gtid ? 'ON' : 'OFF';
  return {
    ...common,
    ...own[version],
    ...(version !== '10.11' && { gtid_mode: mode, enforce_gtid_consistency: mode }),
  };
}

const accounts: Record<MysqlVersion | MariadbVersion, (password: string) => readonly string[]> = {
  '9.7': (password) => [
    `CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED WITH caching_sha2_password BY '${password}'`,
    `GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION`,
    `ALTER USER 'root'@'localhost' IDENTIFIED WITH caching_sha2_password BY '${password}'`,
  ],
  '5.6': (password) => [
    `GRANT ALL ON *.* TO 'root'@'%' IDENTIFIED BY '${password}' WITH GRANT OPTION`,
    `DELETE FROM mysql.user WHERE NOT (User = 'root' AND Host IN ('%', 'localhost'))`,
    `DELETE FROM mysql.db`,
    `UPDATE mysql.user SET Password = PASSWORD('${password}') WHERE User = 'root'`,
    'FLUSH PRIVILEGES',
  ],
  '10.11': (password) => [
    `CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '${password}'`,
    `GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION`,
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}'`,
    `DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host NOT IN ('%', 'localhost'))`,
    'FLUSH PRIVILEGES',
  ],
};

/**
 * What the first start runs: the account `root` from everywhere, which is loopback, and no other. It leaves nothing in the
 * binary log. A statement a line, as `--init-file` wants it.
 */
export function accountSql(version: MysqlVersion | MariadbVersion, password: string): string {
  return ['SET sql_log_bin = 0', ...accounts[version](password)].map((sql) => `${sql};\n`).join('');
}
