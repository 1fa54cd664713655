/**
 * The tables of a sync as the stream sees them, and their records in etcd. A table is in one of two conditions:
 * - *live*: its changes are written as they come.
 * - *held*: it is (to be) dumped while the stream runs; its changes wait, or are dropped when the dump has them.
 * A record says `pending` from the moment a table is held until the batch that makes it whole again: a crash between
 * the two dumps the table again, so changes that were held and never written are not lost.
 */
import type { Relation } from './change.ts';
import type { Driver, SnapshotMark, SourceTable } from './driver.ts';
import type { PrefixOf } from './key-template.ts';
import { type Position, positionFromJson, positionToJson } from './position.ts';
import { createRowMapper, type RowMapper } from './row-mapper.ts';
import type { TableRecord, TableRecords } from './sink.ts';

export interface TableState {
  readonly id: string;
  /** `schema.table` */
  name: string;
  source: SourceTable;
  mapper: RowMapper;
  held: boolean;
  /** What the record says: its keys are not in step, whatever `held` says by now. */
  pending: boolean;
  mark: SnapshotMark | null;
  /** Prefixes of an older name or template whose keys are still to be deleted. */
  stalePrefixes: string[];
  rows: number;
}

export function tableName(relation: Pick<Relation, 'schema' | 'table'>): string {
  return `${relation.schema}.${relation.table}`;
}

export class Tables {
  readonly #states = new Map<string, TableState>();
  /** Records of tables that left the sync and whose keys are still there. */
  readonly #leaving = new Map<string, TableRecord>();
  readonly #prefixOf: PrefixOf;
  #dirty = false;

  constructor(prefixOf: PrefixOf) {
    this.#prefixOf = prefixOf;
  }

  get(tableId: string): TableState | undefined {
    return this.#states.get(tableId);
  }

  all(): readonly TableState[] {
    return [...this.#states.values()];
  }

  leaving(): readonly (readonly [string, TableRecord])[] {
    return [...this.#leaving];
  }

  /** Every prefix that belongs to a table of now. */
  currentPrefixes(): Set<string> {
    return new Set(this.all().map((state) => state.mapper.prefix));
  }

  /** Takes the tables of the catalog; what is new, or not as its record says, is held. */
  adopt(sources: readonly SourceTable[], records: TableRecords): void {
    for (const source of sources) this.put(source, records[source.relation.tableId] ?? null);
    for (const [id, record] of Object.entries(records)) {
      if (!this.#states.has(id)) {
        this.#leaving.set(id, pending(record));
        this.#dirty = true;
      }
    }
  }

  /** A table as the catalog has it now. */
  put(source: SourceTable, record: TableRecord | null): TableState {
    const { relation } = source;
    const prefix = this.#prefixOf(relation.schema, relation.table);
    const inStep =
      record !== null &&
      record.state === 'done' &&
      record.fingerprint === source.fingerprint &&
      record.signature === relation.signature &&
      record.prefixes.length === 1 &&
      record.prefixes[0] === prefix;
    const state: TableState = {
      id: relation.tableId,
      name: tableName(relation),
      source,
      mapper: createRowMapper(relation, prefix),
      held: !inStep,
      pending: !inStep,
      mark: inStep && record.mark !== null ? markFromRecord(record.mark) : null,
      stalePrefixes: (record?.prefixes ?? []).filter((known) => known !== prefix),
      rows: record?.rows ?? 0,
    };
    this.#states.set(state.id, state);
    if (!inStep) this.#dirty = true;
    return state;
  }

  /** From now on the table's changes wait, and its record says `pending`. */
  hold(state: TableState): void {
    if (state.held && state.pending) return;
    state.held = true;
    state.pending = true;
    this.#dirty = true;
  }

  /** The dumped table as the snapshot's catalog had it; it stays held. */
  refresh(state: TableState, source: SourceTable): void {
    const prefix = this.#prefixOf(source.relation.schema, source.relation.table);
    if (prefix !== state.mapper.prefix) state.stalePrefixes.push(state.mapper.prefix);
    state.stalePrefixes = state.stalePrefixes.filter((stale) => stale !== prefix);
    state.name = tableName(source.relation);
    state.source = source;
    state.mapper = createRowMapper(source.relation, prefix);
    this.#dirty = true;
  }

  /** To be called when the batch that makes the table whole is put together: the record goes with it. */
  complete(state: TableState): void {
    // Held anew since: it is not whole, and the next dump will say so.
    if (state.held) return;
    state.pending = false;
    state.stalePrefixes = [];
    this.#dirty = true;
  }

  /** The table left the sync; its keys are deleted next, then `forget` it. */
  leave(tableId: string): void {
    const state = this.#states.get(tableId);
    if (state === undefined) return;
    this.#leaving.set(tableId, pending(recordOf(state)));
    this.#states.delete(tableId);
    this.#dirty = true;
  }

  forget(tableId: string): void {
    this.#leaving.delete(tableId);
    this.#dirty = true;
  }

  /** Marks that the stream has passed say nothing any more. */
  passed(position: Position, driver: Pick<Driver, 'isPassed'>): void {
    for (const state of this.#states.values()) {
      if (state.mark !== null && driver.isPassed(state.mark, position)) {
        state.mark = null;
        this.#dirty = true;
      }
    }
  }

  /** All records if one has changed since the last call. */
  takeRecords(): TableRecords | null {
    if (!this.#dirty) return null;
    this.#dirty = false;
    const records: Record<string, TableRecord> = Object.fromEntries(this.#leaving);
    for (const state of this.#states.values()) records[state.id] = recordOf(state);
    return records;
  }
}

/** Its changes are not written any more: should the table come back before its keys are gone, it must be dumped. */
function pending(record: TableRecord): TableRecord {
  return { ...record, state: 'pending', mark: null };
}

function recordOf(state: TableState): TableRecord {
  const { mark } = state;
  return {
    table: state.name,
    prefixes: [state.mapper.prefix, ...state.stalePrefixes],
    fingerprint: state.source.fingerprint,
    signature: state.source.relation.signature,
    state: state.pending ? 'pending' : 'done',
    rows: state.rows,
    mark: mark === null ? null : { snapshot: mark.snapshot, until: positionToJson(mark.until) },
  };
}

function markFromRecord(mark: NonNullable<TableRecord['mark']>): SnapshotMark {
  return { snapshot: mark.snapshot, until: positionFromJson(mark.until) };
}
