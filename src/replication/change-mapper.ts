/**
 * A change → the operations on keys that it comes to. Pure but for the values that it is given.
 *
 * 1. insert                      put
 * 2. update, same key            put
 * 3. update, key changed         delete at the old key and put at the new one, in one etcd transaction
 * 4. delete                      delete
 * 5. update that omits values    as 2 or 3 once completed from the base; without a base: null, dump the table again
 */
import type { BaseValues } from './base-values.ts';
import type { Change, FullRow } from './change.ts';
import { isFull, type RowMapper } from './row-mapper.ts';
import type { KeyOp } from './sink.ts';

export type RowChange = Exclude<Change, { op: 'truncate' }>;

export interface MappedRow {
  /** Where the row was; null for an insert. */
  readonly oldKey: string | null;
  /** Where the row is; null for a delete. */
  readonly newKey: string | null;
  readonly value: string | null;
}

export function mapRow(mapper: RowMapper, change: RowChange, bases: BaseValues): MappedRow | null {
  switch (change.op) {
    case 'insert':
      return { oldKey: null, newKey: mapper.keyOf(change.row), value: mapper.valueOf(change.row) };
    case 'delete':
      return { oldKey: mapper.keyOf(change.old), newKey: null, value: null };
    case 'update': {
      const newKey = mapper.keyOf(change.row);
      const oldKey = change.old === null ? newKey : mapper.keyOf(change.old);
      const row = fullRow(mapper, change.row, oldKey, bases);
      return row === null ? null : { oldKey, newKey, value: mapper.valueOf(row) };
    }
    default:
      return change satisfies never;
  }
}

function fullRow(
  mapper: RowMapper,
  row: Extract<Change, { op: 'update' }>['row'],
  oldKey: string,
  bases: BaseValues,
): FullRow | null {
  if (isFull(row)) return row;
  const base = bases.get(oldKey);
  return base === null ? null : mapper.complete(row, base);
}

export function keyOps(mapped: MappedRow, prefix: string): KeyOp[] {
  const { oldKey, newKey, value } = mapped;
  const put: KeyOp | null =
    newKey === null || value === null ? null : { kind: 'put', key: newKey, value, prefix };
  // An array that has grown takes room for many more.
  if (oldKey === null || oldKey === newKey) return put === null ? [] : [put];
  const gone: KeyOp = { kind: 'delete', key: oldKey, prefix };
  return put === null ? [gone] : [gone, put];
}
