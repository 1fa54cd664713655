/** The rows of a row event → changes of a table of the sync. */
import { WatcherError } from '../../errors.ts';
import type { Change, FullRow, RowImage } from '../../replication/change.ts';
import type { AfterValues, BinlogRow, ImageValues } from './binlog/row-images.ts';
import { RowDecoder } from './binlog/row-images.ts';
import type { RowsEvent } from './binlog/rows.ts';
import type { TableMap } from './binlog/table-map.ts';
import { JsonDiffs } from './binlog/values/json-diff.ts';
import type { LogBinding } from './log-binding.ts';
import type { MysqlDriverOptions } from './options.ts';

export interface LogRowsOptions {
  readonly map: TableMap;
  readonly binding: LogBinding;
  readonly numbers: MysqlDriverOptions['numbers'];
  /** Columns, by index in the table map, whose values before an update are asked for. */
  readonly compared: readonly number[];
}

export class RowsReader {
  readonly #options: LogRowsOptions;
  readonly #decoder: RowDecoder;
  /** The images of the decoder are rows of the relation as they are. */
  readonly #asIs: boolean;
  #partial: RowDecoder | null = null;
  /** Of the event that was decoded last. */
  #hasDiffs = false;

  constructor(options: LogRowsOptions) {
    const { map, binding, compared } = options;
    this.#options = options;
    const before = new Set([...binding.key, ...compared]);
    if (binding.periodEnd !== null) before.add(binding.periodEnd);
    this.#decoder = this.#newDecoder((column) => before.has(column));
    this.#asIs = binding.picks.length === map.columns.length;
  }

  /** @throws WatcherError `binlog_setting` when rows are not whole; what the codecs say. */
  decode(event: RowsEvent): BinlogRow[] {
    if (event.before?.full === false || event.after?.full === false) throw notFull(this.#options);
    this.#hasDiffs = event.partialJson;
    if (!event.partialJson) return this.#decoder.decode(event);
    // What a JSON value was before is what its differences are applied to.
    this.#partial ??= this.#newDecoder();
    return this.#partial.decode(event);
  }

  /** @returns null: the row is a version of the past. */
  change(decoded: BinlogRow, messagesBefore: number): Change | null {
    const { relation } = this.#options.binding;
    const { before, after } = this.#current(decoded);
    if (before === null) {
      if (after === null) return null;
      return { op: 'insert', relation, row: this.#row(after), messagesBefore };
    }
    if (after === null) return { op: 'delete', relation, old: this.#pick(before), messagesBefore };
    const row = this.#row(this.#hasDiffs ? this.#patched(after, before) : after);
    const old = this.#isSameKey(before, after) ? null : this.#pick(before);
    return { op: 'update', relation, row, old, messagesBefore };
  }

  /** Whether an update changed one of `compared`. */
  differs({ before, after }: BinlogRow): boolean {
    return this.#options.compared.some((column) => before?.[column] !== after?.[column]);
  }

  #newDecoder(isWantedBefore?: (column: number) => boolean): RowDecoder {
    const { map, binding, numbers, compared } = this.#options;
    const wanted = new Set([...binding.picks, ...compared]);
    if (binding.periodEnd !== null) wanted.add(binding.periodEnd);
    return new RowDecoder(map, {
      numbers,
      hints: binding.hints,
      isWanted: (column) => wanted.has(column),
      ...(isWantedBefore !== undefined && { isWantedBefore }),
    });
  }

  /**
   * MariaDB system versioning. A version of the past is a row of its own, which is not replicated:
   * 1. update of a current row   UPDATE, current to current; then INSERT of what it was, which is ignored
   * 2. delete                    UPDATE, current to past: a delete
   * 3. DELETE HISTORY            DELETE of what is past: ignored
   */
  #current(decoded: BinlogRow): BinlogRow {
    const { periodEnd } = this.#options.binding;
    if (periodEnd === null) return decoded;
    const { before, after } = decoded;
    const is = (image: AfterValues | null) =>
      image !== null && currentEnds.has(String(image[periodEnd]));
    return { before: is(before) ? before : null, after: is(after) ? after : null };
  }

  #patched(after: AfterValues, before: ImageValues): ImageValues {
    return after.map((value, at) => {
      if (!(value instanceof JsonDiffs)) return value;
      try {
        return value.apply(before[at] ?? 'null');
      } catch (error) {
        throw named(error, this.#options, at);
      }
    });
  }

  #isSameKey(before: ImageValues, after: AfterValues): boolean {
    return this.#options.binding.key.every((column) => before[column] === after[column]);
  }

  #row(after: AfterValues): FullRow {
    return this.#pick(after as ImageValues) as FullRow;
  }

  #pick(image: ImageValues): RowImage {
    return this.#asIs ? image : this.#options.binding.picks.map((column) => image[column]);
  }
}

/** What the end of a current row is: the last moment of a TIMESTAMP(6), from MariaDB 11.5 on with 32 bits. */
const currentEnds: ReadonlySet<string> = new Set([
  '"2038-01-19T03:14:07.999999+00:00"',
  '"2106-02-07T06:28:15.999999+00:00"',
]);

function named(error: unknown, { map, binding }: LogRowsOptions, column: number): unknown {
  if (!(error instanceof WatcherError)) return error;
  const { schema, table } = binding.relation;
  const { code, message, remedy } = error;
  const name = map.columns[column]?.name ?? `column ${column + 1}`;
  const where = `${schema}.${table}`;
  return new WatcherError(code, {
    message: `${where}, ${name}: ${message}`,
    remedy,
    table: where,
    cause: error,
  });
}

function notFull({ binding }: LogRowsOptions): WatcherError {
  const { schema, table } = binding.relation;
  return new WatcherError('binlog_setting', {
    message: `${schema}.${table}: the log holds rows without some of their columns`,
    remedy:
      'SET GLOBAL binlog_row_image = FULL; (sessions that are open keep what they have); then dump again: POST /v1/syncs/{name}/dump.',
    table: `${schema}.${table}`,
  });
}
