/**
 * The log as it is now, read from files by the server's mysqlbinlog: a `StreamBinlog` for tests of what only needs to
 * read it once. Fit for tables without changes of their schema, and for servers with GTIDs.
 */
import { GtidSet } from '../../src/drivers/mysql/binlog/gtid-set.ts';
import { RowDecoder } from '../../src/drivers/mysql/binlog/row-images.ts';
import type { RowsEvent } from '../../src/drivers/mysql/binlog/rows.ts';
import type { TableMap } from '../../src/drivers/mysql/binlog/table-map.ts';
import type { StreamBinlog } from '../../src/drivers/mysql/log-access.ts';
import { readLogEnd } from '../../src/drivers/mysql/log-place.ts';
import { bindDefinition } from '../../src/drivers/mysql/relation.ts';
import { mysqlPosition } from '../../src/drivers/mysql/snapshot-mark.ts';
import type { TableSelection } from '../../src/drivers/mysql/tables.ts';
import type { Change, RowImage } from '../../src/replication/change.ts';
import type { SharedMysqlServer } from './mysql-global-setup.ts';
import { readBinlog } from './raw-binlog.ts';

export function fileLog(
  server: SharedMysqlServer,
  onRead: (changes: number) => void,
): StreamBinlog {
  return async function* readOnce(context, from) {
    const end = await context.control.exclusive((sql) => readLogEnd(sql, context.facts));
    if (end === null) throw new Error('the server writes no log');
    let executed = GtidSet.parse(mysqlPosition(from.position).gtid ?? '');
    const maps = new Map<number, TableMap>();
    let skipped = true;
    let changes: Change[] = [];
    let begin = 0;
    for (const event of await readBinlog(server, end.file)) {
      if (event.header.nextOffset > end.offset) break;
      if (event.type === 'table_map') maps.set(event.tableId, event);
      if (event.type === 'gtid') {
        skipped = executed.contains(event, event.gno);
        executed = executed.add(event, event.gno);
        begin = event.header.nextOffset - event.header.sizeBytes;
        changes = [];
      }
      if (event.type === 'rows' && !skipped) {
        changes.push(...changesOf(event, maps.get(event.tableId), context.selection()));
      }
      if (event.type !== 'xid' || skipped) continue;
      const place = { kind: 'mysql', gtid: executed.format(), file: end.file } as const;
      const position = { ...place, offset: event.header.nextOffset };
      const rest = { committedAt: new Date(0), first: true, last: true, messages: changes.length };
      onRead(changes.length);
      const commit = { ...place, offset: begin };
      yield [{ type: 'transaction', xid: '', commit, position, changes, ...rest }];
    }
    const { file, offset } = end;
    const position = { kind: 'mysql', gtid: executed.format(), file, offset } as const;
    yield [{ type: 'heartbeat', position }];
  };
}

function changesOf(
  event: RowsEvent,
  map: TableMap | undefined,
  selection: TableSelection,
): readonly Change[] {
  const definition = selection.tables.find(
    ({ schema, name }) => schema === map?.schema && name === map.table,
  );
  if (map === undefined || definition === undefined) return [];
  const { relation } = bindDefinition(definition, 'number');
  return new RowDecoder(map, { numbers: 'number' })
    .decode(event)
    .map(({ before, after }): Change => {
      const messagesBefore = 0;
      const old = before as RowImage;
      const row = after as RowImage;
      if (event.op === 'delete') return { op: 'delete', relation, old, messagesBefore };
      if (event.op === 'update') return { op: 'update', relation, row, old, messagesBefore };
      return { op: 'insert', relation, row: row as readonly string[], messagesBefore };
    });
}
