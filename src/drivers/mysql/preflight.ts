/**
 * What a server must have, as one list of checks: `check()` shows all of them, `prepare()` throws the first that
 * fails. Each failure has the exact statement that mends it.
 */

import type { Outcome } from '../outcome.ts';
import { failed, ok, warning } from '../outcome.ts';
import type { MysqlDriverOptions } from './options.ts';
import { isGaleraNode, replicaUpdatesName } from './replica-role.ts';
import type { ServerFacts } from './server-facts.ts';
import { hasGrant, isOn } from './server-facts.ts';
import { quoteAccount } from './sql-text.ts';

/** Needs nothing but the facts: after a failure here the schema is not read. */
export function checkServer(facts: ServerFacts, options: MysqlDriverOptions): readonly Outcome[] {
  return [
    checkVersion(facts),
    checkMonitor(facts),
    checkLogBin(facts),
    checkReplicated(facts),
    checkFilters(facts),
    checkFormat(facts),
    checkRowImage(facts),
    checkMetadata(facts),
    checkValueOptions(facts),
    checkServerId(facts, options),
    checkGtids(facts),
    checkRetention(facts),
    checkDump(facts, options),
    checkXa(facts),
  ].filter((outcome) => outcome !== null);
}

const account = (facts: ServerFacts): string => quoteAccount(facts.account);

function setting(name: string, facts: ServerFacts, value: string, what: string): Outcome {
  const now = facts.variables.get(name) ?? '(not there)';
  return failed(name, 'binlog_setting', {
    message: `${name} is ${now}; ${what}`,
    remedy: `SET GLOBAL ${name} = ${value}; and the same in the option file of the server. Connections that are open keep their old value: let applications connect anew.`,
  });
}

function checkVersion({ flavour, version, versionText }: ServerFacts): Outcome {
  const lowest = flavour === 'mariadb' ? 100200 : 50600;
  if (version >= lowest) return ok('version', versionText);
  return failed('version', 'source_unsupported', {
    message: `${versionText} is too old: its binlog lacks what is needed`,
    remedy: 'Upgrade the server to MySQL 5.6 or MariaDB 10.2, or later.',
  });
}

function checkMonitor(facts: ServerFacts): Outcome {
  const privilege =
    facts.flavour === 'mariadb' && facts.version >= 100502
      ? 'BINLOG MONITOR'
      : 'REPLICATION CLIENT';
  if (facts.mayMonitor) return ok(privilege.toLowerCase(), facts.account);
  return failed(privilege.toLowerCase(), 'privilege_missing', {
    message: `The account ${facts.account} may not see where the binlog ends`,
    remedy: `GRANT ${privilege}, REPLICATION SLAVE ON *.* TO ${account(facts)};`,
  });
}

function checkLogBin(facts: ServerFacts): Outcome {
  if (isOn(facts, 'log_bin')) return ok('log_bin', 'ON');
  return failed('log_bin', 'binlog_setting', {
    message: 'The server writes no binlog',
    remedy: `Set in the option file of the server, under [mysqld]: log_bin = binlog, server_id = 1, binlog_format = ROW; then restart it (Amazon RDS: enable automated backups).`,
  });
}

/** A server that keeps what it replicates out of its log looks like one on which nothing happens. */
function checkReplicated(facts: ServerFacts): Outcome | null {
  if (facts.replicaRole === 'none') return null;
  const name = replicaUpdatesName(facts);
  const remedy = `Set in the option file of the server, under [mysqld]: ${name} = ON; then restart it. Or set database.host to the server that it replicates.`;
  if (facts.replicaRole === 'replica') {
    const what = isGaleraNode(facts) ? 'a node of a Galera cluster' : 'a replica';
    return failed(name, 'binlog_setting', {
      message: `The server is ${what} and ${name} is OFF: it does not write to its binlog what it replicates`,
      remedy,
    });
  }
  const grant = facts.flavour === 'mariadb' ? 'SLAVE MONITOR' : 'REPLICATION CLIENT';
  return warning(name, {
    message: `${name} is OFF, and the account may not see whether the server is a replica: what it replicates is not in its binlog`,
    remedy: `${remedy} If it is no replica: GRANT ${grant} ON *.* TO ${account(facts)}; and this is not said any more.`,
  });
}

/** Changes of databases that are filtered out are lost to every reader; also by the default database of a session. */
function checkFilters({ logEnd }: ServerFacts): Outcome | null {
  if (logEnd === null) return null;
  const { doDb, ignoreDb } = logEnd;
  if (doDb === '' && ignoreDb === '') return ok('binlog filters', 'none');
  const found = [doDb && `binlog_do_db (${doDb})`, ignoreDb && `binlog_ignore_db (${ignoreDb})`];
  return failed('binlog filters', 'binlog_setting', {
    message: `The server keeps databases out of its binlog: ${found.filter(Boolean).join(', ')}`,
    remedy:
      'Remove binlog_do_db and binlog_ignore_db from the option file of the server and restart it.',
  });
}

/** MySQL 8.4 and later can only lack the variable when it is gone for good: ROW is then the only format. */
function checkFormat(facts: ServerFacts): Outcome {
  const format = facts.variables.get('binlog_format') ?? 'ROW';
  if (format === 'ROW') return ok('binlog_format', format);
  return setting(
    'binlog_format',
    facts,
    "'ROW'",
    'statements cannot be replicated to keys, rows can',
  );
}

function checkRowImage(facts: ServerFacts): Outcome {
  const image = facts.variables.get('binlog_row_image') ?? 'FULL';
  if (image === 'FULL') return ok('binlog_row_image', image);
  return setting('binlog_row_image', facts, "'FULL'", 'rows must be logged whole');
}

function checkMetadata(facts: ServerFacts): Outcome {
  const metadata = facts.variables.get('binlog_row_metadata');
  if (metadata === 'FULL') return ok('binlog_row_metadata', metadata);
  const consequence = 'the log does not name columns: a table that is altered is dumped again';
  if (metadata === undefined) {
    return warning('binlog_row_metadata', {
      message: `The server has no binlog_row_metadata; ${consequence}`,
      remedy: 'MySQL 8.0 or MariaDB 10.5, and later, have it.',
    });
  }
  return warning('binlog_row_metadata', {
    message: `binlog_row_metadata is ${metadata}; ${consequence}`,
    remedy:
      "SET GLOBAL binlog_row_metadata = 'FULL'; and the same in the option file of the server.",
  });
}

/** Differences of JSON documents are applied to the row before, which binlog_row_image = FULL logs whole. */
function checkValueOptions({ variables }: ServerFacts): Outcome | null {
  const options = variables.get('binlog_row_value_options');
  return options === undefined || options === '' ? null : ok('binlog_row_value_options', options);
}

function checkServerId(facts: ServerFacts, options: MysqlDriverOptions): Outcome {
  const id = Number(facts.variables.get('server_id') ?? 0);
  if (id === 0) return setting('server_id', facts, '1', 'a server without an id sends no binlog');
  if (id !== options.serverId) return ok('server_id', String(id));
  return failed('server_id', 'server_id_clash', {
    message: `mysql.server_id ${id} is the id of the server itself`,
    remedy: 'Set mysql.server_id to another number, or to auto.',
  });
}

function checkGtids(facts: ServerFacts): Outcome {
  if (facts.flavour === 'mariadb') return ok('gtid', 'MariaDB has them always');
  const mode = facts.variables.get('gtid_mode') ?? 'OFF';
  if (facts.gtids) return ok('gtid_mode', mode);
  return warning('gtid_mode', {
    message: `gtid_mode is ${mode}: positions are file and offset, which hold on this server alone; after a failover the sync dumps again`,
    remedy:
      'SET GLOBAL enforce_gtid_consistency = ON; then SET GLOBAL gtid_mode = OFF_PERMISSIVE; = ON_PERMISSIVE; = ON; one after the other (MySQL 5.6: in the option file, with a restart).',
  });
}

const dayS = 86_400;

/** Seconds after which the server purges a binlog; 0: it never does by age. */
export function retentionSeconds({ variables }: Pick<ServerFacts, 'variables'>): number {
  const seconds = Number(variables.get('binlog_expire_logs_seconds') ?? 0);
  return seconds > 0 ? seconds : Number(variables.get('expire_logs_days') ?? 0) * dayS;
}

function checkRetention(facts: ServerFacts): Outcome {
  const seconds = retentionSeconds(facts);
  const hours = Math.round(seconds / 3600);
  if (seconds === 0) return ok('binlog retention', 'binlogs are never purged by age');
  if (seconds >= dayS) return ok('binlog retention', `${hours} hours`);
  const name = facts.variables.has('binlog_expire_logs_seconds')
    ? 'binlog_expire_logs_seconds = 259200'
    : 'expire_logs_days = 3';
  return warning('binlog retention', {
    message: `Binlogs are purged after ${hours} hours: a sync that is stopped for longer dumps again`,
    remedy: `SET GLOBAL ${name};`,
  });
}

/** How a dump will find its position; see snapshot.ts. */
function checkDump(facts: ServerFacts, options: MysqlDriverOptions): Outcome {
  const subject = 'dump';
  const byTool = options.dumpMethod === 'mysqldump';
  const old = facts.flavour === 'mysql' && facts.version < 50700;
  const mayLock = hasGrant(facts, 'RELOAD', 'FLUSH_TABLES', 'SUPER') || (facts.mayLock && !old);
  if (facts.flavour === 'mariadb' && !byTool) return ok(subject, 'by snapshots, without a lock');
  if (mayLock) return ok(subject, 'with a lock for the moment that it begins');
  const remedy = `GRANT RELOAD ON *.* TO ${account(facts)};`;
  if (byTool) {
    return failed(subject, 'privilege_missing', {
      message:
        'dump.method mysqldump needs a lock for the moment that it begins, and the account may take none',
      remedy: `${remedy} Or set dump.method: native.`,
    });
  }
  if (facts.gtids && !old) return ok(subject, 'without a lock, by reading the log');
  return failed(subject, 'privilege_missing', {
    message: 'A dump needs a lock for the moment that it begins, and the account may take none',
    remedy: `${remedy} With gtid_mode = ON no lock is needed (MySQL 5.7 and later).`,
  });
}

/** Only MySQL 8.0 and later hide prepared transactions. */
function checkXa(facts: ServerFacts): Outcome | null {
  if (facts.flavour === 'mariadb' || facts.version < 80000) return null;
  if (hasGrant(facts, 'XA_RECOVER_ADMIN')) return ok('xa recover', facts.account);
  return warning('xa recover', {
    message:
      'The account may not see prepared XA transactions: if a dump begins while there are any, all tables are dumped again at their XA COMMIT',
    remedy: `GRANT XA_RECOVER_ADMIN ON *.* TO ${account(facts)}; unless the application has no XA transactions.`,
  });
}
