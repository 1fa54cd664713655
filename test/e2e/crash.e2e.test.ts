/**
 * Killed at any moment, Watcher loses nothing, repeats nothing and sets nothing back (SPEC §2).
 * `CRASH_SEED` repeats the choices of a run, `CRASH_ROUNDS` sets the number of kills: many of them are a soak.
 */
import { expect, test } from 'vitest';
import { etcd, postgres } from '../support/servers.ts';
import { createPostgresSource } from './crash/postgres/source.ts';
import { runCrashTest } from './crash/run.ts';

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
const rounds = process.env.CRASH_ROUNDS === undefined ? null : Number(process.env.CRASH_ROUNDS);

const cases = [
  { major: 18, kills: 20, bulkRows: 30_000, pause: true },
  { major: 15, kills: 8, bulkRows: 15_000, pause: false },
] as const;

test.each(cases)(
  `exactly once and in order on PostgreSQL $major, killed again and again (CRASH_SEED=${seed})`,
  { timeout: 300_000 + (rounds ?? 0) * 15_000 },
  async ({ major, kills, bulkRows, pause }) => {
    console.log(`crash test on PostgreSQL ${major}: CRASH_SEED=${seed}`);
    await using source = await createPostgresSource(postgres(major), bulkRows);
    const wanted = { etcd: etcd(), seed, kills: rounds ?? kills, pause };
    const report = await runCrashTest({ source, ...wanted });
    const { problems, differences, rows: _, ...counts } = report;
    console.log(`PostgreSQL ${major}: ${JSON.stringify(counts)}`);
    const where = `CRASH_SEED=${seed}; the logs are in ${report.logFile}`;
    expect(problems, where).toEqual([]);
    expect(differences, where).toEqual([]);
    expect(report.streamedRevisions).toBeGreaterThan(20);
    expect(report.checkedKeys).toBeGreaterThan(1_000);
  },
);
