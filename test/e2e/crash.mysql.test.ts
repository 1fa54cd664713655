/**
 * As crash.e2e.test.ts, on MySQL and MariaDB. Each case has a server of its own, with small files of the log, so that it
 * goes on in another one every few seconds.
 */
import mysql from 'mysql2/promise';
import { expect, test } from 'vitest';
import { openMariadb, openMysql } from '../../tools/testenv/environment.ts';
import { startMysql } from '../../tools/testenv/mysql.ts';
import { describeMysql, etcd, external } from '../support/servers.ts';
import { createMysqlSource } from './crash/mysql/source.ts';
import { runCrashTest } from './crash/run.ts';

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
const rounds = process.env.CRASH_ROUNDS === undefined ? null : Number(process.env.CRASH_ROUNDS);

async function openWithoutGtids() {
  const own = await startMysql({ version: '9.7', gtid: false });
  return { address: own, own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** `on`: the server without which the case is skipped. */
const cases = [
  { on: 'mysql', title: 'mysql-gtid', kills: 20, bulkRows: 30_000, open: () => openMysql('9.7') },
  { on: 'mysql', title: 'mysql-files', kills: 6, bulkRows: 15_000, open: openWithoutGtids },
  {
    on: 'mariadb',
    title: 'mariadb',
    kills: 10,
    bulkRows: 15_000,
    open: () => openMariadb('10.11'),
  },
  { on: 'mysql56', title: 'mysql-5.6', kills: 6, bulkRows: 15_000, open: () => openMysql('5.6') },
] as const;

async function useSmallFiles(url: string): Promise<void> {
  const admin = await mysql.createConnection(url);
  await admin.query('SET GLOBAL max_binlog_size = 4194304');
  await admin.end();
}

describeMysql(['mysql', 'mariadb', 'mysql56'], (_, server) => {
  const here = cases.filter(({ on, open }) => {
    return on === server && !(open === openWithoutGtids && external().mysql);
  });
  test.each(here)(
    `exactly once and in order on $title, killed again and again (CRASH_SEED=${seed})`,
    { timeout: 300_000 + (rounds ?? 0) * 15_000 },
    async ({ title, kills, bulkRows, open }) => {
      console.log(`crash test on ${title}: CRASH_SEED=${seed}`);
      await using opened = await open();
      if (opened.own !== undefined) await useSmallFiles(opened.address.url);
      await using source = await createMysqlSource(opened.address, bulkRows, title);
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
