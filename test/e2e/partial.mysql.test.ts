/** Rows of which the log has only a part, or another form: differences of JSON documents, and versions of the past. */
import { expect, test } from 'vitest';
import { eventTypesSince, logEnd, startMysqlSync } from '../support/mysql-sync.ts';
import { Random } from '../support/random.ts';
import { describeMysql } from '../support/servers.ts';

const seed = Number(process.env.TEST_SEED ?? 20_261_123);

const scalars = [
  '1',
  '-7',
  '18446744073709551615',
  '1.50',
  '1e300',
  '0.1',
  'true',
  'false',
  'null',
  '""',
  '"é 😀"',
  '"q\\\\"uote"',
  '"long long long long long long long long long long long"',
];
const names = ['a', 'b', '"a b"', '"q\\\\"x"', '"é"', '""', 'longer_than_the_others'];

function document(random: Random, depth = 0): string {
  const dice = random.next();
  if (depth > 2 || dice < 0.4) return random.pick(scalars);
  const count = random.below(4);
  if (dice < 0.6) {
    return `[${Array.from({ length: count }, () => document(random, depth + 1))}]`;
  }
  const members = Array.from({ length: count }, () => {
    const name = random.pick(names);
    return `${name.startsWith('"') ? name : `"${name}"`}:${document(random, depth + 1)}`;
  });
  return `{${members}}`;
}

/** Whole values are logged where they are not longer than their differences. */
function longDocument(random: Random): string {
  const member = () => document(random, 1);
  return random.chance(0.7)
    ? `{"pad":"${'x'.repeat(300)}","a":${member()},"b":[${member()},${member()}],"é":${member()}}`
    : document(random);
}

function path(random: Random): string {
  const legs = Array.from({ length: 1 + random.below(3) }, () =>
    random.chance(0.6)
      ? `.${random.pick(names)}`
      : `[${random.pick(['0', '1', '2', '7', 'last', 'last-1'])}]`,
  );
  return `$${legs.join('')}`;
}

function change(random: Random, column: string): string {
  const value = () =>
    random.chance(0.5)
      ? `CAST('${document(random, 1)}' AS JSON)`
      : random.pick([`'text'`, '1.10', '7', 'NULL', `DATE'2020-01-01'`, `TIME'10:00:00.5'`]);
  const count = 1 + random.below(3);
  const pairs = Array.from({ length: count }, () => `'${path(random)}', ${value()}`);
  const name = random.pick(['JSON_SET', 'JSON_SET', 'JSON_REPLACE', 'JSON_REMOVE']);
  const args =
    name === 'JSON_REMOVE' ? Array.from({ length: count }, () => `'${path(random)}'`) : pairs;
  const changed = `${name}(${column}, ${args.join(', ')})`;
  return random.chance(0.2) ? `JSON_SET(${changed}, '$.a', ${value()})` : changed;
}

describeMysql(['mysql'], (server) => {
  test(`differences of JSON documents, logged with binlog_row_value_options (TEST_SEED=${seed})`, async () => {
    const random = new Random(seed);
    const setup = 'CREATE TABLE docs (id INT PRIMARY KEY, a JSON, t VARCHAR(9), b JSON, n INT)';
    await using sync = await startMysqlSync({ server: server(), setup });
    const { database } = sync;
    await sync.sql('SET SESSION binlog_row_value_options = PARTIAL_JSON');
    const rows = 30;
    for (let id = 0; id < rows; id += 1) {
      const columns = [longDocument(random), longDocument(random)].map((text) => `'${text}'`);
      await sync.sql(`INSERT INTO docs VALUES (${id}, ${columns[0]}, 'x', ${columns[1]}, 0)`);
    }
    const from = await logEnd(database);
    for (let round = 0; round < 250; round += 1) {
      const sets = [`a = ${change(random, 'a')}`];
      if (random.chance(0.4)) sets.push(`b = ${change(random, 'b')}`);
      if (random.chance(0.2)) sets.push(`n = n + 1`);
      if (random.chance(0.1)) sets.push(`b = '${document(random)}'`);
      if (random.chance(0.1)) sets.push(`a = '${longDocument(random)}'`);
      if (random.chance(0.03)) sets.push('a = NULL');
      const low = random.below(rows);
      const id = random.chance(0.1) ? `, id = id + 100` : '';
      await sync.sql(
        `UPDATE docs SET ${sets.join(', ')}${id} WHERE id % 100 BETWEEN ${low} AND ${low + random.below(3)}`,
      );
    }
    await sync.caughtUp();
    const types = await eventTypesSince(sync.database, from);
    const partial = types.filter((type) => type === 'Update_rows_partial');
    expect(partial.length).toBeGreaterThan(100);
    await sync.agrees('docs', 2_000);
  });
});
