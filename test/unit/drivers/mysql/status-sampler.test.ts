import { expect, test } from 'vitest';
import type { SourceConnection } from '../../../../src/drivers/mysql/connection.ts';
import { bytesBetween } from '../../../../src/drivers/mysql/log-place.ts';
import {
  readLogStatus,
  retentionWarning,
  sourceStatus,
} from '../../../../src/drivers/mysql/status-sampler.ts';
import { mysqlFacts } from '../../../support/mysql-facts.ts';

const files = [
  { name: 'b.000002', sizeBytes: 1000 },
  { name: 'b.000003', sizeBytes: 2000 },
  { name: 'b.000004', sizeBytes: 300 },
];
const end = { kind: 'mysql', gtid: null, file: 'b.000004', offset: 300 } as const;
const at = (file: string, offset: number) => ({ kind: 'mysql', gtid: null, file, offset }) as const;

test.each([
  [at('b.000004', 300), 0],
  [at('b.000004', 100), 200],
  [at('b.000003', 1500), 800],
  [at('b.000002', 400), 2900],
  [at('b.000001', 4), null],
])('bytes from %o to the end', (from, expected) => {
  expect(bytesBetween(files, from, end)).toBe(expected);
  expect(sourceStatus({ end, files }, from).retainedLogBytes).toBe(expected);
});

test('unknown until something is durable', () => {
  expect(sourceStatus({ end, files }, null).retainedLogBytes).toBeNull();
});

const hourMs = 3_600_000;

test('a warning when the purge comes near', () => {
  const status = { end, files };
  const warns = (from: ReturnType<typeof at> | null, retentionS: number, behindMs: number) =>
    retentionWarning(status, from, retentionS, behindMs)?.code ?? null;
  expect(warns(at('b.000002', 4), 7200, hourMs)).toBe('binlog_expiring');
  expect(warns(at('b.000002', 4), 7200, hourMs / 2)).toBeNull();
  expect(warns(at('b.000003', 4), 7200, hourMs)).toBeNull();
  expect(warns(at('b.000002', 4), 0, hourMs)).toBeNull();
  expect(warns(null, 7200, hourMs)).toBeNull();
});

test('files are listed where the log has grown, and else only when it is asked for', async () => {
  const asked: string[] = [];
  let offset = 300;
  const connection = {
    async query(sql: string) {
      asked.push(sql);
      if (sql === 'SHOW BINARY LOGS') return [{ Log_name: 'b.000004', File_size: `${offset}` }];
      return [{ File: 'b.000004', Position: `${offset}` }];
    },
  } as unknown as SourceConnection;
  const server = mysqlFacts({ gtids: false });
  const first = await readLogStatus(connection, server);
  expect(await readLogStatus(connection, server, first)).toEqual(first);
  expect(asked.filter((sql) => sql === 'SHOW BINARY LOGS')).toHaveLength(1);
  offset = 400;
  const grown = await readLogStatus(connection, server, first);
  expect(grown.files).toEqual([{ name: 'b.000004', sizeBytes: 400 }]);
  await readLogStatus(connection, server);
  expect(asked.filter((sql) => sql === 'SHOW BINARY LOGS')).toHaveLength(3);
});
