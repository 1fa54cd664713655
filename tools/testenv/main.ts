/** `npm run testenv`: the servers of the tests, for a person. */

import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type Opened, openEtcd, openMariadb, openMysql, openPostgres } from './environment.ts';
import type { EtcdVersion } from './etcd-programs.ts';
import { interruption } from './interrupt.ts';
import type { MysqlServer } from './mysql.ts';
import type { MysqlAddress } from './mysql-address.ts';
import { type PostgresMajor, postgresMajors } from './postgres-programs.ts';

const etcdVersions: readonly EtcdVersion[] = ['3.4', '3.5'];
const newest = postgresMajors.at(-1) ?? 18;

const usage = `Usage: npm run testenv -- [options]

Starts a PostgreSQL with wal_level = logical and an etcd, both on loopback, prints how to reach them, and goes on until Ctrl-C.
What is missing is downloaded into .cache/ first. The data goes when the servers end.

  --pg <major>      PostgreSQL ${postgresMajors.join(', ')} (default ${newest})
  --etcd <version>  etcd ${etcdVersions.join(' or ')} (default: the one on the PATH, or that of this Debian release)
  --mysql           also a MySQL 9.7 or later, of Debian's newest suite
  --mysql56         also a MySQL 5.6
  --mariadb         also a MariaDB 10.11
  --help            this text

TEST_PG_URL, TEST_ETCD_URL, TEST_MYSQL_URL and TEST_MARIADB_URL name servers to use instead.`;

interface Choice {
  readonly major: PostgresMajor;
  readonly etcd: EtcdVersion | undefined;
  readonly mysql: boolean;
  readonly mysql56: boolean;
  readonly mariadb: boolean;
}

function pick<T>(values: readonly T[], text: string, option: string): T {
  const found = values.find((value) => String(value) === text);
  if (found === undefined) throw new TypeError(`${option} takes one of ${values.join(', ')}`);
  return found;
}

function readChoice(): Choice | undefined {
  const options = {
    pg: { type: 'string', default: String(newest) },
    etcd: { type: 'string' },
    mysql: { type: 'boolean', default: false },
    mysql56: { type: 'boolean', default: false },
    mariadb: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  const { mysql, mysql56, mariadb } = values;
  return {
    mysql,
    mysql56,
    mariadb,
    major: pick(postgresMajors, values.pg, '--pg'),
    etcd: values.etcd === undefined ? undefined : pick(etcdVersions, values.etcd, '--etcd'),
  };
}

/** How to reach it, and programs that are there for that. A server that is not our own: its address only. */
function describeMysql(opened: Opened<MysqlAddress, MysqlServer> | undefined): string {
  if (opened === undefined) return '';
  const { address, own } = opened;
  const title = `${address.flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${address.version}`;
  const lines = [title, `  ${address.url}`];
  if (own?.programs) {
    const { client, dump, binlog } = own.programs;
    const login = `--defaults-file=${own.optionFile}`;
    lines.push(`  ${client} ${login}`);
    lines.push(`  ${dump} ${login} --single-transaction --all-databases`);
    lines.push(`  ${binlog} ${login} --read-from-remote-server --verbose --verbose binlog.000001`);
  }
  return `\n${lines.join('\n')}\n`;
}

async function serve(choice: Choice): Promise<void> {
  const interrupted = interruption();
  console.log('Starting the servers; the first time, they are downloaded …');
  await using postgres = await openPostgres(choice.major);
  await using etcd = await openEtcd(choice.etcd);
  await using mysql = choice.mysql ? await openMysql('9.7') : undefined;
  await using mysql56 = choice.mysql56 ? await openMysql('5.6') : undefined;
  await using mariadb = choice.mariadb ? await openMariadb('10.11') : undefined;
  const { address } = postgres;
  console.log(`
PostgreSQL ${address.major}
  ${address.url}
  psql '${address.url}'

etcd ${etcd.address.version}
  ${etcd.address.endpoints.join(',')}
  ETCDCTL_API=3 ${etcd.own?.etcdctl ?? 'etcdctl'} --endpoints ${etcd.address.endpoints.join(',')} get --prefix ''
${[mysql, mysql56, mariadb].map(describeMysql).join('')}
Ctrl-C ends them.`);
  // Servers that are not our own leave nothing to wait for; the timer does.
  const alive = setInterval(() => {}, 60_000);
  if (!interrupted.aborted) await once(interrupted, 'abort');
  clearInterval(alive);
  console.log('\nStopping the servers …');
}

try {
  const choice = readChoice();
  if (choice === undefined) console.log(usage);
  else await serve(choice);
} catch (error) {
  const wrongUsage = error instanceof TypeError;
  console.error(error instanceof Error ? error.message : error);
  if (wrongUsage) console.error(`\n${usage}`);
  process.exitCode = wrongUsage ? 2 : 1;
}
