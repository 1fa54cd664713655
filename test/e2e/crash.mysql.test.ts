/**
 * As crash.e2e.test.ts, on MySQL and MariaDB. Each case has a server of its own, with small files of the log, so that it
 * goes on in another one every few seconds.
 */
import mysql from 'mysql2/promise';
import { expect, test } from 'vitest';
import { openMariadb, openMysql } from '../../tools/testenv/environment.ts';
import { startMysql } from '../../tools/testenv/mysql.ts';
import { describeMysql, etcd, external } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { createMysqlSource } from './crash/mysql/source.ts';
import { runCrashTest } from './crash/run.ts';

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
const rounds = process.env.CRASH_ROUNDS === undefined ? null : Number(process.env.CRASH_ROUNDS);

async function openWithoutGtids() {
  const own = await startMysql({ version: '9.7', gtid: false });
  return { address: own, own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** Without LOCK TABLES and RELOAD a dump begins without a lock (src/drivers/mysql/snapshot.ts). */
const least = 'REPLICATION SLAVE, REPLICATION CLIENT, XA_RECOVER_ADMIN';

/** As over a network: more of the log is written between the steps of a dump that begins without a lock. */
const networkMs = 10;

/** `on`: the server without which the case is skipped. Each begins a dump in another way. */
const cases = [
  { on: 'mysql', title: 'mysql-gtid', kills: 20, rows: 30_000, grants: least },
  { on: 'mysql', title: 'mysql-files', kills: 6, rows: 15_000, grants: null },
  { on: 'mariadb', title: 'mariadb', kills: 10, rows: 15_000, grants: null },
  { on: 'mysql56', title: 'mysql-5.6', kills: 6, rows: 15_000, grants: null },
] as const;

type Title = (typeof cases)[number]['title'];

const open = {
  'mysql-gtid': () => openMysql('9.7'),
  'mysql-files': openWithoutGtids,
  mariadb: () => openMariadb('10.11'),
  'mysql-5.6': () => openMysql('5.6'),
} as const satisfies Record<Title, unknown>;

async function useSmallFiles(url: string): Promise<void> {
  const admin = await mysql.createConnection(url);
  await admin.query('SET GLOBAL max_binlog_size = 4194304');
  await admin.end();
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (_, server) => {
  const here = cases.filter(({ on, title }) => {
    return on === server && !(title === 'mysql-files' && external().mysql);
  });
  test.each(here)(
    `exactly once and in order on $title, killed again and again (CRASH_SEED=${seed})`,
    { timeout: 300_000 + (rounds ?? 0) * 15_000 },
    async ({ title, kills, rows: bulkRows, grants }) => {
      console.log(`crash test on ${title}: CRASH_SEED=${seed}`);
      await using opened = await open[title]();
      if (opened.own !== undefined) await useSmallFiles(opened.address.url);
      await using proxy = await startTcpProxy(opened.address);
      if (grants === least) proxy.delay(networkMs);
      const options = { title, bulkRows, grants, via: proxy };
      await using source = await createMysqlSource(opened.address, options);
      const wanted = { etcd: etcd(), seed, kills: rounds ?? kills, pause: title === 'mysql-gtid' };
      const report = await runCrashTest({ source, ...wanted });
      const { problems, differences, rows: _, ...counts } = report;
      console.log(`${title}: ${JSON.stringify(counts)}`);
      const where = `CRASH_SEED=${seed}; the logs are in ${report.logFile}`;
      expect(problems, where).toEqual([]);
      expect(differences, where).toEqual([]);
      expect(report.streamedRevisions).toBeGreaterThan(20);
      expect(report.checkedKeys).toBeGreaterThan(1_000);
    },
  );
});
