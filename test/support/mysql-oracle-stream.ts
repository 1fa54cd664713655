/** What the driver makes of the log between two places, in this process and without an etcd. */
import type { MysqlDriverOptions } from '../../src/drivers/mysql/driver.ts';
import type { LogPlace } from '../../src/drivers/mysql/log-place.ts';
import { comparePlaces } from '../../src/drivers/mysql/log-place.ts';
import { MemoryStaging } from '../../src/drivers/mysql/memory-staging.ts';
import { mysqlPosition } from '../../src/drivers/mysql/snapshot-mark.ts';
import { streamBinlog } from '../../src/drivers/mysql/stream.ts';
import type { Change, RowImage, StreamMessage } from '../../src/replication/change.ts';
import type { MysqlPosition } from '../../src/replication/position.ts';
import { messagesOf } from './messages.ts';
import type { MysqlTestDatabase } from './mysql-database.ts';
import { mysqlOptions, openMysqlDriver } from './mysql-driver.ts';

const signal = new AbortController().signal;

/**
 * All messages behind `from`, up to the first whose position is at `until` or behind it.
 * @param from where reading begins; by GTIDs if it has them
 */
export async function streamed(
  database: MysqlTestDatabase,
  from: MysqlPosition,
  until: LogPlace,
  changes: Partial<MysqlDriverOptions> = {},
): Promise<readonly StreamMessage[]> {
  await using driver = openMysqlDriver(mysqlOptions(database, changes), streamBinlog);
  await driver.prepare(null, signal);
  const resume = { position: from, identity: {}, partial: null };
  const staging = new MemoryStaging();
  const messages: StreamMessage[] = [];
  for await (const message of messagesOf(driver.stream(resume, signal, staging))) {
    messages.push(message);
    if (message.type === 'transaction' && message.staging !== undefined) {
      staging.take(message.staging);
    }
    if (message.type === 'catalog' || (message.type === 'transaction' && !message.last)) continue;
    if (comparePlaces(mysqlPosition(message.position), until) >= 0) return messages;
  }
  throw new Error('the log has an end');
}

export function changesOf(messages: readonly StreamMessage[]): readonly Change[] {
  return messages.flatMap((message) => (message.type === 'transaction' ? message.changes : []));
}

/** A line for each change: the table, what happened, and the row as JSON fragments. */
export function changeLines(messages: readonly StreamMessage[]): readonly string[] {
  return changesOf(messages).map(lineOf);
}

function lineOf(change: Change): string {
  const { op, relation } = change;
  const row = op === 'insert' || op === 'update' ? text(change.row) : '';
  const old = op === 'delete' || op === 'update' ? text(change.old) : '';
  return `${op} ${relation.table} ${old} ${row}`;
}

function text(image: RowImage | null): string {
  return image === null ? '' : `(${image.map((value) => value ?? '?').join(',')})`;
}
