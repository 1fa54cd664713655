/**
 * What is staged of a prepared XA transaction, and its text: a JSON value a line, cut into pieces.
 *
 * Rows are staged as they were mapped, not as bytes of the log, which hold columns and tables that the user has
 * excluded: those must not come into etcd, not even for a while. Each table stands there with its TABLE_MAP, which holds
 * no rows, and with the signature that its rows were mapped by. At XA COMMIT the table is bound anew from the map: where
 * it has another signature by then, because the configuration has changed between the two (the table itself cannot: the
 * transaction keeps it locked, also after its connection has gone, seen on MySQL 9.7 and MariaDB 10.11), or where it was
 * not of the sync, it is dumped again instead, which is exact as well: the dump sees what was committed.
 */
import { WatcherError } from '../../errors.ts';
import type {
  CatalogEvent,
  Change,
  Relation,
  RowImage,
  StagedPiece,
} from '../../replication/change.ts';
import type { TableMap } from './binlog/table-map.ts';

export type ContentEntry =
  /** Tables are counted from 0, in this order. `signature` null: its rows are only counted. */
  | { readonly kind: 'table'; readonly map: TableMap; readonly signature: string | null }
  /** Of one event. `rows`: with those that are no changes. `bytes` of log. */
  | {
      readonly kind: 'rows';
      readonly table: number;
      readonly rows: number;
      readonly bytes: number;
      readonly changes: readonly UnboundChange[];
    }
  | { readonly kind: 'savepoint' | 'rollback_to' | 'release'; readonly name: string }
  /** Dumps that its rows ask for, which only see them once they are committed. */
  | { readonly kind: 'events'; readonly events: readonly CatalogEvent[] };

/** A change without its table. */
export interface UnboundChange {
  readonly op: Change['op'];
  readonly messagesBefore: number;
  readonly row?: RowImage;
  readonly old?: RowImage | null;
}

const version = 1;

/** Of a piece; at most 3 bytes each. */
const pieceCharacters = 64 * 1024;

export class ContentWriter {
  #text = `${JSON.stringify({ kind: 'begin', version })}\n`;
  #index = 0;

  /** @param last nothing follows: what is left over of an earlier content under the same id is not read. */
  write(entries: readonly ContentEntry[], last: boolean): readonly StagedPiece[] {
    for (const entry of entries) this.#text += `${JSON.stringify(plain(entry))}\n`;
    if (last) this.#text += `${JSON.stringify({ kind: 'end' })}\n`;
    const pieces: StagedPiece[] = [];
    while (this.#text.length >= pieceCharacters) pieces.push(this.#cut(pieceCharacters));
    if (last && this.#text !== '') pieces.push(this.#cut(this.#text.length));
    return pieces;
  }

  /** Rows count nothing here: a restart within what is staged stages it all again. */
  #cut(length: number): StagedPiece {
    const end = isHighSurrogate(this.#text.charCodeAt(length - 1)) ? length - 1 : length;
    const data = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    this.#index += 1;
    return { index: this.#index - 1, data, messagesBefore: 0 };
  }
}

/**
 * The entries of a content; none when nothing is staged.
 * @throws WatcherError `internal` when a part of it is missing.
 */
export async function* readContent(pieces: AsyncIterable<string>): AsyncGenerator<ContentEntry> {
  let begun = false;
  for await (const line of linesOf(pieces)) {
    const entry = parse(line);
    if (entry.kind === 'end') return;
    if ((entry.kind === 'begin') === begun) throw broken('it does not begin at its beginning');
    begun = true;
    if (entry.kind !== 'begin') yield entry;
    else if (entry.version !== version) throw broken(`it has the version ${entry.version}`);
  }
  if (begun) throw broken('it has no end');
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') throw broken('it has no end');
}

type Line = ContentEntry | { readonly kind: 'begin'; readonly version: number } | EndLine;
type EndLine = { readonly kind: 'end' };

type PlainChange = readonly [Change['op'], number, RowImage | null, RowImage | null];

function plain(entry: ContentEntry): unknown {
  if (entry.kind !== 'rows') return entry;
  const changes = entry.changes.map(
    ({ op, messagesBefore, row, old }): PlainChange => [
      op,
      messagesBefore,
      row ?? null,
      old ?? null,
    ],
  );
  return { ...entry, changes };
}

function parse(line: string): Line {
  const entry = parseJson(line);
  if (entry.kind !== 'rows') return entry;
  const changes = entry.changes as unknown as readonly PlainChange[];
  return {
    ...entry,
    changes: changes.map(([op, messagesBefore, row, old]) => ({
      op,
      messagesBefore,
      ...(row !== null && { row: revive(row) }),
      ...(op !== 'insert' && { old: old === null ? null : revive(old) }),
    })),
  };
}

function parseJson(line: string): Line {
  try {
    return JSON.parse(line, reviveBytes) as Line;
  } catch {
    // The error would quote the line, which holds values of rows.
    throw broken('a line of it is no JSON');
  }
}

/** JSON has no `undefined`, and a fragment is never null. */
function revive(image: readonly (string | undefined | null)[]): RowImage {
  return image.map((fragment) => fragment ?? undefined);
}

/** Members of ENUM and SET in a map. */
function reviveBytes(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('type' in value)) return value;
  return value.type === 'Buffer' && 'data' in value ? Buffer.from(value.data as number[]) : value;
}

export function bind(change: UnboundChange, relation: Relation): Change {
  return { ...change, relation } as Change;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function broken(what: string): WatcherError {
  return new WatcherError('internal', {
    message: `What was staged of a prepared transaction cannot be read: ${what}`,
    remedy: 'Dump again: POST /v1/syncs/{name}/dump.',
  });
}
