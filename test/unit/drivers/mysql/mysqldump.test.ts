import { expect, test } from 'vitest';
import type { LogContext } from '../../../../src/drivers/mysql/log-access.ts';
import { startMysqldump } from '../../../../src/drivers/mysql/mysqldump.ts';
import { table } from '../../../support/log-tables.ts';
import { mysqlFacts, plainOptions } from '../../../support/mysql-facts.ts';

const plain = table('a', ['id']);
const { signal } = new AbortController();

test.each([
  ['18446744073709551615', true],
  ['1000', false],
])('with sql_select_limit = %s the tool reads tables: %s', (limit, reads) => {
  const facts = mysqlFacts({ variables: { sql_select_limit: limit } });
  const context: Pick<LogContext, 'facts' | 'options'> = { facts, options: plainOptions() };
  expect(startMysqldump(context as LogContext, [plain], signal).reads(plain)).toBe(reads);
});
