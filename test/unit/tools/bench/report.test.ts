import { expect, test } from 'vitest';
import { casesOf, type Round, type Throughput } from '../../../../tools/bench/cases.ts';
import type { PlainFigures } from '../../../../tools/bench/database.ts';
import { report } from '../../../../tools/bench/report.ts';

const none: PlainFigures = { copied: null, printed: null };

function round(name: Round['case'], result: Partial<Throughput>): Round {
  const figure = { rows: 1000, seconds: 1, cpu: {} };
  const sink = { ...figure, batches: 1, averageValueBytes: 200 };
  const whole = { ...figure, seconds: 2, peakBytes: 200_000_000, etcdPeakBytes: 100_000_000 };
  const throughput = { kind: 'throughput', plain: none, driver: figure, sink, whole } as const;
  return { case: name, result: { ...throughput, ratio: 0.5, ...result }, difference: null };
}

test('a column that no round has a figure for is left out', () => {
  const [head = ''] = report([round('1', {})], 'postgres');
  expect(head).not.toMatch(/source alone|as text|÷ text/);
  const copied = { rows: 1000, seconds: 0.5, cpu: {} };
  const [withIt, , row] = report([round('1', { plain: { ...none, copied } })], 'postgres');
  expect(withIt).toMatch(/^\| case \| source alone \| driver alone \| sink alone \|/);
  expect(row).toMatch(/^\| transactions of 1 row \| 2\.0k \| 1\.0k \| 1\.0k \| 0\.5k \| 0\.50 \|/);
});

test('the driver is compared with the program that prints the log, by time and by CPU', () => {
  const printed = { rows: 1000, seconds: 4, cpu: {}, readerCpu: 2 };
  const driver = { rows: 1000, seconds: 3, cpu: {}, readerCpu: 3 };
  const rounds = [round('1-compressed', { plain: { copied: null, printed }, driver })];
  const lines = report(rounds, 'mariadb');
  expect(lines[2]).toMatch(/\| 0\.75 \| 1\.50 \|/);
  expect(lines).toContainEqual(expect.stringMatching(/^reached .*mysqlbinlog.* 0\.75$/));
});

test('what has a target depends on the source', () => {
  const ratios = (source: 'postgres' | 'mysql') =>
    report([round('1', {}), round('1000', {})], source).filter((line) => line.includes('≥'));
  expect(ratios('postgres')).toHaveLength(1);
  expect(ratios('mysql')).toHaveLength(2);
  expect(ratios('mysql')[0]).toMatch(/^MISSED .*transactions of 1 row .*0\.50$/);
});

test('PostgreSQL compresses no transactions', () => {
  expect(casesOf('postgres')).toEqual(['1', '10', '1000', 'single', 'dump', 'latency', 'idle']);
  for (const source of ['mysql', 'mariadb'] as const) {
    expect(casesOf(source)).toContain('10-compressed');
    expect(casesOf(source)).toContain('idle');
  }
});
