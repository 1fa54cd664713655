/** Another reader of the binlog: its rows of one table, in order. It reads plain types right, and much else wrong. */
import ZongJi, { type BinlogEvent, type RowData, type UpdateRowData } from '@vlasky/zongji';
import type { MysqlTestDatabase } from './mysql-database.ts';
import { until } from './until.ts';

export type ReaderRow = Readonly<Record<string, unknown>>;

export interface ReaderChange {
  readonly old: ReaderRow | null;
  readonly row: ReaderRow | null;
}

/** @param isLast of the last change that is wanted */
export async function readByZongji(
  { server, name }: MysqlTestDatabase,
  table: string,
  from: { readonly file: string; readonly offset: number },
  isLast: (change: ReaderChange) => boolean,
): Promise<readonly ReaderChange[]> {
  const { host, port, user, password } = server;
  const login = { host, port, user, password, timezone: 'Z', dateStrings: true, jsonStrings: true };
  const reader = new ZongJi({ ...login, supportBigNumbers: true });
  const changes: ReaderChange[] = [];
  let ended = false;
  const errors: unknown[] = [];
  // Of events that it cannot read: others write such to the log of a shared server.
  reader.on('error', (error) => errors.push(error));
  reader.on('binlog', (event) => {
    for (const change of changesOf(event)) {
      changes.push(change);
      ended ||= isLast(change);
    }
  });
  try {
    reader.start({
      serverId: readerId,
      filename: from.file,
      position: from.offset,
      includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows'],
      includeSchema: { [name]: [table] },
    });
    await until(() => ended, { what: 'zongji has read all' });
  } catch (error) {
    throw new Error(`${error}: ${errors.join('; ')}`);
  } finally {
    reader.stop();
  }
  return changes;
}

const readerId = 3_940_000_001;

function changesOf(event: BinlogEvent): readonly ReaderChange[] {
  const { rows } = event as unknown as { rows: readonly (RowData & UpdateRowData)[] };
  switch (event.getEventName()) {
    case 'writerows':
      return rows.map((row) => ({ old: null, row }));
    case 'deleterows':
      return rows.map((old) => ({ old, row: null }));
    case 'updaterows':
      return rows.map(({ before, after }) => ({ old: before, row: after }));
    default:
      return [];
  }
}
