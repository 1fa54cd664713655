/**
 * What a driver hands to the core. A driver turns every column value into the text of a JSON value (a
 * *fragment*), by one codec for the dump and for the stream: same row, same bytes (SPEC §2.4).
 * The core joins fragments to a value and never looks into them.
 */
import type { Position } from './position.ts';

/** The text of one JSON value, for example `12.50`, `"abc"`, `null`, `{"a":1}`. */
export type Fragment = string;

/** A row image in the order of `Relation.columns`; `undefined`: the log does not carry this column. */
export type RowImage = readonly (Fragment | undefined)[];

/** A row image that is whole. */
export type FullRow = readonly Fragment[];

export interface Column {
  readonly name: string;
  /** Fragment → the text of this value in a key (SPEC §5): no quotes, binary as lower-case hex. Not escaped. */
  keyText(fragment: Fragment): string;
}

/** A table as the log describes it from some place on. */
export interface Relation {
  /** Stable under RENAME and new after DROP and CREATE: the oid (PostgreSQL). */
  readonly tableId: string;
  readonly schema: string;
  readonly table: string;
  /** In table order. Columns that the user excluded or that the log does not carry are not among them. */
  readonly columns: readonly Column[];
  /** Indexes into `columns`, in key order; never empty. */
  readonly key: readonly number[];
  /** Equal for two relations iff their rows are written alike: names, types, key, options. Opaque. */
  readonly signature: string;
  /**
   * True when two rows may hold one key for a moment within a transaction (a deferrable unique constraint).
   * Then old images are whole rows (REPLICA IDENTITY FULL), and deletes match the old image (DESIGN §3 rule 5).
   */
  readonly keyDeferrable: boolean;
  /** True when the log may omit unchanged values (TOAST), so that a base value can be needed. */
  readonly mayOmit: boolean;
}

/**
 * One row, or one truncated table. Columns that the old image lacks are `undefined`; the key columns are always
 * there.
 */
export type Change = (
  | { readonly op: 'insert'; readonly relation: Relation; readonly row: FullRow }
  | {
      readonly op: 'update';
      readonly relation: Relation;
      /** `undefined` stands for an unchanged value that the log omits: it is that of the row's base. */
      readonly row: RowImage;
      /** `null`: the log has no old image, which means that the key did not change. */
      readonly old: RowImage | null;
    }
  | { readonly op: 'delete'; readonly relation: Relation; readonly old: RowImage }
  | { readonly op: 'truncate'; readonly relation: Relation }
) & {
  /**
   * Row messages of the transaction before this one, counted before any filter: where the transaction could be
   * resumed. The changes of one TRUNCATE message share it.
   */
  readonly messagesBefore: number;
};

/**
 * A source transaction, or a part of one: a large transaction arrives in several parts so that memory stays
 * bounded. All parts but the last have `last: false`. Only committed transactions are handed out.
 */
export interface TransactionPart {
  readonly type: 'transaction';
  /** Identity for a snapshot mark: PostgreSQL's 32-bit xid in decimal. */
  readonly xid: string;
  /** What identifies the commit, the same in each part (PostgreSQL: Begin's final LSN); see `ResumePoint.partial`. */
  readonly commit: Position;
  /** In the last part: where the commit ends, the position once the part is durable. Before it: as `commit`. */
  readonly position: Position;
  readonly committedAt: Date;
  readonly first: boolean;
  readonly last: boolean;
  readonly changes: readonly Change[];
  /**
   * Row messages of the transaction up to the end of this part, counted before any filter: what
   * `checkpoint.partial.changes` counts.
   */
  readonly messages: number;
  readonly staging?: StagingStep;
}

/**
 * Log content of a transaction that is prepared and not yet committed (XA): it is kept with the position that passes
 * it, as the driver wrote it, until the log says what became of the transaction.
 */
export type StagingStep =
  | { readonly op: 'put'; readonly id: string; readonly pieces: readonly StagedPiece[] }
  /** In the last part of a transaction: what was staged is forgotten with it. */
  | { readonly op: 'release'; readonly id: string };

export interface StagedPiece {
  /** Counts up from 0 within an id; the same piece again replaces it. */
  readonly index: number;
  /** Well below what one request of the store may hold: 256 KB. */
  readonly data: string;
  /** As in `Change`. */
  readonly messagesBefore: number;
}

/** Everything up to `position` was handed out, and nothing of a transaction is open. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly position: Position;
}

/** The catalog differs from what the driver reported last. What the log will bring is not in step with it. */
export interface CatalogChange {
  readonly type: 'catalog';
  readonly events: readonly CatalogEvent[];
}

export type CatalogEvent =
  /** A table that now belongs to the sync: dump it. Also a table whose stored rows may have changed unlogged. */
  | {
      readonly kind: 'redump';
      readonly tableId: string;
      readonly table: string;
      readonly reason: string;
    }
  /** The table is gone, or no longer belongs to the sync: its keys are deleted. */
  | { readonly kind: 'drop'; readonly tableId: string; readonly table: string }
  /** Publication or slot are no longer those of the checkpoint, and the like: the warnings of now, all of them. */
  | { readonly kind: 'warnings'; readonly warnings: readonly Warning[] };

export type StreamMessage = TransactionPart | Heartbeat | CatalogChange;

/**
 * Messages that are ready together, in order, as many as arrived at once: to wait for each of them would cost more
 * than a small transaction does.
 */
export type StreamBatch = readonly StreamMessage[];

/** Something that a person should know while the sync goes on. */
export interface Warning {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** `schema.table`, or null when it is about the whole sync. */
  readonly table: string | null;
}
