/** One row message of the log → one change, its values as fragments. */
import { WatcherError } from '../../errors.ts';
import type { Change, FullRow, RowImage } from '../../replication/change.ts';
import type { Tuple } from './message-reader.ts';
import { unchanged } from './message-reader.ts';
import type { Delete, Insert, Update } from './pgoutput.ts';
import type { BoundRelation } from './relation.ts';

/** @throws WatcherError `unsupported_event`, `unsupported_value`. */
export function toChange(
  message: Insert | Update | Delete,
  bound: BoundRelation,
  messagesBefore: number,
): Change {
  const { relation } = bound;
  switch (message.type) {
    case 'insert':
      return { op: 'insert', relation, row: fullRow(message.new, bound), messagesBefore };
    case 'delete':
      return {
        op: 'delete',
        relation,
        old: oldImage(message.old, message.kind, bound),
        messagesBefore,
      };
    case 'update': {
      const old =
        message.old === null ? null : oldImage(message.old.tuple, message.old.kind, bound);
      return {
        op: 'update',
        relation,
        row: newImage(message.new, old, bound),
        old,
        messagesBefore,
      };
    }
    default:
      return message satisfies never;
  }
}

function fullRow(tuple: Tuple, bound: BoundRelation): FullRow {
  checkLength(tuple, bound);
  return bound.columns.map((column) => {
    const value = tuple[column.at];
    if (value === unchanged || value === undefined)
      throw incomplete(bound, 'an insert omits a value');
    return column.encode(value);
  });
}

/** With kind K only the columns of the replica identity have values: the nulls of the others are not values. */
function oldImage(tuple: Tuple, kind: 'K' | 'O', bound: BoundRelation): RowImage {
  checkLength(tuple, bound);
  const image = bound.columns.map((column) => {
    if (kind === 'K' && !column.identity) return undefined;
    const value = tuple[column.at];
    return value === unchanged || value === undefined ? undefined : column.encode(value);
  });
  requireKey(image, bound);
  return image;
}

/**
 * A value that is out of line (TOAST) and did not change is left out of the log. The old image has it when the
 * replica identity is the full row; of a key column it always has it (ExtractReplicaIdentity).
 */
function newImage(tuple: Tuple, old: RowImage | null, bound: BoundRelation): RowImage {
  checkLength(tuple, bound);
  const image = bound.columns.map((column, index) => {
    const value = tuple[column.at];
    return value === unchanged || value === undefined ? old?.[index] : column.encode(value);
  });
  requireKey(image, bound);
  return image;
}

function requireKey(image: RowImage, bound: BoundRelation): void {
  if (bound.relation.key.some((index) => image[index] === undefined)) {
    throw incomplete(bound, 'a row without its key');
  }
}

function checkLength(tuple: Tuple, bound: BoundRelation): void {
  if (tuple.length !== bound.tupleLength) throw incomplete(bound, 'a row of another length');
}

function incomplete(bound: BoundRelation, what: string): WatcherError {
  const table = `${bound.relation.schema}.${bound.relation.table}`;
  return new WatcherError('unsupported_event', {
    message: `The log holds ${what}, in ${table}`,
    table,
  });
}

/** Characters of its fragments. */
export function sizeOf(change: Change): number {
  switch (change.op) {
    case 'insert':
      return lengthOf(change.row);
    case 'update':
      return lengthOf(change.row) + lengthOf(change.old ?? []);
    case 'delete':
      return lengthOf(change.old);
    case 'truncate':
      return 0;
    default:
      return change satisfies never;
  }
}

function lengthOf(image: RowImage): number {
  let length = 0;
  for (const fragment of image) length += fragment?.length ?? 0;
  return length;
}
