/** Every requirement of the server, each with the statement that mends it. */
import { expect, test } from 'vitest';
import type { MysqlDriverOptions } from '../../../../src/drivers/mysql/options.ts';
import { checkServer } from '../../../../src/drivers/mysql/preflight.ts';
import { parseGlobalGrants, versionNumber } from '../../../../src/drivers/mysql/server-facts.ts';
import { mysqlFacts, plainOptions } from '../../../support/mysql-facts.ts';

function check(facts: Parameters<typeof mysqlFacts>[0], options: Partial<MysqlDriverOptions> = {}) {
  const outcomes = checkServer(mysqlFacts(facts), plainOptions(options));
  const bad = outcomes.filter(({ finding }) => finding.level !== 'ok');
  return bad.map(({ finding, error }) => ({
    level: finding.level,
    subject: finding.subject,
    code: error?.code ?? null,
    remedy: finding.remedy,
  }));
}

test('a server that lacks nothing', () => {
  expect(check({})).toEqual([]);
});

const withVariable = (name: string, value: string) => ({ variables: { [name]: value } });

test.each<[string, string | null, RegExp, Parameters<typeof mysqlFacts>[0]]>([
  ['version', 'source_unsupported', /MySQL 5\.6 or MariaDB 10\.2/, { version: 50554 }],
  [
    'replication client',
    'privilege_missing',
    /^GRANT REPLICATION CLIENT, REPLICATION SLAVE ON \*\.\* TO 'watcher'@'%';$/,
    { mayMonitor: false, logEnd: null },
  ],
  ['log_bin', 'binlog_setting', /log_bin = binlog/, withVariable('log_bin', 'OFF')],
  [
    'binlog_format',
    'binlog_setting',
    /^SET GLOBAL binlog_format = 'ROW';/,
    withVariable('binlog_format', 'MIXED'),
  ],
  [
    'binlog_row_image',
    'binlog_setting',
    /^SET GLOBAL binlog_row_image = 'FULL';/,
    withVariable('binlog_row_image', 'MINIMAL'),
  ],
  [
    'binlog_row_metadata',
    null,
    /^SET GLOBAL binlog_row_metadata = 'FULL';/,
    withVariable('binlog_row_metadata', 'MINIMAL'),
  ],
  ['server_id', 'binlog_setting', /^SET GLOBAL server_id = 1;/, withVariable('server_id', '0')],
  ['server_id', 'server_id_clash', /mysql\.server_id/, withVariable('server_id', '4000000001')],
  [
    'gtid_mode',
    null,
    /SET GLOBAL gtid_mode = OFF_PERMISSIVE/,
    { ...withVariable('gtid_mode', 'OFF'), gtids: false },
  ],
  [
    'binlog retention',
    null,
    /^SET GLOBAL binlog_expire_logs_seconds = 259200;$/,
    withVariable('binlog_expire_logs_seconds', '3600'),
  ],
  [
    'xa recover',
    null,
    /^GRANT XA_RECOVER_ADMIN ON \*\.\* TO 'watcher'@'%';/,
    { grants: new Set(['RELOAD']) },
  ],
])('%s: %s', (subject, code, remedy, facts) => {
  const found = check(facts);
  const [first] = found;
  expect(found).toHaveLength(1);
  expect(first).toMatchObject({ subject, code, level: code === null ? 'warning' : 'failure' });
  expect(first?.remedy).toMatch(remedy);
});

test.each([
  [
    'a replica that does not log what it replicates',
    { replicaRole: 'replica', variables: { log_replica_updates: 'OFF' } },
    { subject: 'log_replica_updates', level: 'failure', code: 'binlog_setting' },
    /log_replica_updates = ON; then restart it/,
  ],
  [
    'a Galera node that does not log it',
    {
      flavour: 'mariadb',
      version: 101106,
      replicaRole: 'replica',
      variables: { log_slave_updates: 'OFF', wsrep_on: 'ON', wsrep_provider: '/lib/galera.so' },
    },
    { subject: 'log_slave_updates', level: 'failure', code: 'binlog_setting' },
    /log_slave_updates = ON; then restart it/,
  ],
  [
    'one that was a replica, and may still be one',
    {
      flavour: 'mariadb',
      version: 101106,
      replicaRole: 'unseen',
      variables: { log_slave_updates: 'OFF' },
    },
    { subject: 'log_slave_updates', level: 'warning', code: null },
    /GRANT SLAVE MONITOR ON \*\.\* TO 'watcher'@'%'/,
  ],
] as const)('%s', (_title, facts, expected, remedy) => {
  const found = check(facts);
  expect(found).toMatchObject([expected]);
  expect(found[0]?.remedy).toMatch(remedy);
});

test('databases that the log leaves out', () => {
  const logEnd = { file: 'b.000001', offset: 4, gtid: '', doDb: 'a', ignoreDb: 'b' };
  expect(check({ logEnd })).toMatchObject([{ subject: 'binlog filters', code: 'binlog_setting' }]);
});

test('compressed transactions and partial JSON are no objection', () => {
  const variables = {
    binlog_transaction_compression: 'ON',
    binlog_row_value_options: 'PARTIAL_JSON',
  };
  expect(check({ variables })).toEqual([]);
});

test.each<[string, Parameters<typeof mysqlFacts>[0], Partial<MysqlDriverOptions>, number]>([
  ['GTIDs: no lock is needed', { grants: new Set(['XA_RECOVER_ADMIN']) }, {}, 0],
  ['LOCK TABLES on a database', { grants: new Set(['XA_RECOVER_ADMIN']), mayLock: true }, {}, 0],
  [
    'mysqldump without a lock',
    { grants: new Set(['XA_RECOVER_ADMIN']) },
    { dumpMethod: 'mysqldump' },
    1,
  ],
])('dump: %s', (_title, facts, options, failures) => {
  const found = check(facts, options);
  expect(found).toHaveLength(failures);
  if (failures > 0) expect(found[0]).toMatchObject({ subject: 'dump', code: 'privilege_missing' });
});

test('dump: without GTIDs and without a lock there is no way', () => {
  const facts = {
    gtids: false,
    grants: new Set(['XA_RECOVER_ADMIN']),
    ...withVariable('gtid_mode', 'OFF'),
  };
  const found = check(facts).find(({ subject }) => subject === 'dump');
  expect(found?.remedy).toMatch(/^GRANT RELOAD ON \*\.\* TO 'watcher'@'%';/);
});

test('MariaDB needs no lock, no GTID mode and another privilege', () => {
  const mariadb = { flavour: 'mariadb', version: 101106, grants: new Set<string>() } as const;
  expect(check(mariadb)).toEqual([]);
  expect(check({ ...mariadb, mayMonitor: false, logEnd: null })[0]?.remedy).toMatch(
    /^GRANT BINLOG MONITOR/,
  );
});

test('versions', () => {
  expect(versionNumber('9.7.4-2')).toBe(90704);
  expect(versionNumber('10.11.19-MariaDB-0+deb12u1-log')).toBe(101119);
  expect(versionNumber('5.6.24-log')).toBe(50624);
});

test('grants on *.*, of the account and of its roles', () => {
  const grants = parseGlobalGrants([
    'GRANT SELECT, RELOAD, REPLICATION CLIENT ON *.* TO `w`@`%`',
    'GRANT FLUSH_TABLES,XA_RECOVER_ADMIN ON *.* TO `w`@`%`',
    'GRANT LOCK TABLES ON `s`.* TO `w`@`%`',
    'GRANT `r`@`%` TO `w`@`%`',
  ]);
  expect([...grants]).toEqual([
    'SELECT',
    'RELOAD',
    'REPLICATION CLIENT',
    'FLUSH_TABLES',
    'XA_RECOVER_ADMIN',
  ]);
});
