import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { SourceConnection } from '../../../../src/drivers/mysql/connection.ts';
import { toSourceError } from '../../../../src/drivers/mysql/errors.ts';
import { MissedTables } from '../../../../src/drivers/mysql/missed-tables.ts';
import { readTables } from '../../../../src/drivers/mysql/read-tables.ts';
import { bindDefinition } from '../../../../src/drivers/mysql/relation.ts';
import { table } from '../../../support/log-tables.ts';

/** Answers every SELECT with the errno; 0: with no rows. */
function answering(errno: () => number): SourceConnection {
  const context = { host: 'db', port: 3306, user: 'watcher' };
  const client = Object.assign(new EventEmitter(), {
    query() {
      const answer = new EventEmitter();
      const error = Object.assign(new Error('no'), {
        errno: errno(),
        sqlState: '42S22',
        sqlMessage: 'no',
      });
      setImmediate(() => (error.errno === 0 ? answer.emit('end') : answer.emit('error', error)));
      return answer;
    },
    pause() {},
    resume() {},
  });
  const connection: Omit<SourceConnection, 'client'> = {
    threadId: 1,
    context,
    query: async () => [],
    toError: (error, name) =>
      toSourceError(error, name === undefined ? context : { ...context, table: name }),
    close: async () => {},
    destroy() {},
  };
  return { ...connection, client } as unknown as SourceConnection;
}

/** What each of some dumps in a row says of the table: `replaced`, `read`, or the code of its error. */
async function outcomes(
  errnos: readonly number[],
  fingerprint = (_: number) => 'f',
): Promise<unknown[]> {
  const missed = new MissedTables();
  const found: unknown[] = [];
  for (const [at, errno] of errnos.entries()) {
    const definition = table('t', ['id'], { fingerprint: fingerprint(at) });
    const tables = [bindDefinition(definition, 'number')];
    const connections = [answering(() => errno)];
    const options = { connections, tables, inTransaction: true, occupied: null, missed };
    try {
      for await (const { replaced } of readTables(options))
        found.push(replaced === true ? 'replaced' : 'read');
    } catch (error) {
      found.push((error as { code?: string }).code);
    }
  }
  return found;
}

const replaced = (times: number) => Array.from({ length: times }, () => 'replaced');

test.each([1054, 1146])(
  'a SELECT that is always answered with %i is an error after some dumps',
  async (errno) => {
    const found = await outcomes(Array.from({ length: 5 }, () => errno));
    expect(found).toEqual([...replaced(4), 'source_busy']);
  },
);

test('a table that is altered in between, or read, or rebuilt, is dumped again as often as it takes', async () => {
  const nine = Array.from({ length: 9 }, () => 1054);
  expect(await outcomes(nine, (at) => `f${at >> 2}`)).toEqual(replaced(9));
  expect(await outcomes([1146, 1146, 1146, 1146, 0, 1146])).toEqual([
    ...replaced(4),
    'read',
    'replaced',
  ]);
  expect(await outcomes(Array.from({ length: 9 }, () => 1412))).toEqual(replaced(9));
});
