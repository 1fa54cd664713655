/** The benchmark runs, with few rows: what it prints is not looked at, but for there being figures. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../tools/bench/main.ts', import.meta.url));

function bench(...args: readonly string[]) {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...args]);
}

test.each([
  [
    'mysql',
    '10,dump',
    [/^\| transactions of 10 rows \|(?: [\d.]+k \|){3}/m, /^\| dump \| – \| [\d.]+k \|/m],
  ],
  [
    'mariadb',
    '1000-compressed',
    [/^\| transactions of 1,000 rows, compressed \|(?: [\d.]+k \|){3}/m],
  ],
] as const)(
  'on %s, and etcd and the table agree',
  async (source, cases, lines) => {
    const { stdout } = await bench('--source', source, '--rows', '1000', '--cases', cases);
    for (const line of lines) expect(stdout).toMatch(line);
    expect(stdout).toMatch(/^(?:reached|MISSED ) {2}driver ÷ mysqlbinlog -vv/m);
    expect(stdout).toContain('etcd and the table agreed after every case.');
  },
  180_000,
);

test('a case that the source does not have is refused', async () => {
  const wrong = bench('--source', 'postgres', '--cases', '1-compressed');
  await expect(wrong).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--cases'),
  });
});
