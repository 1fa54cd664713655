/** The tables as the log describes them, bound to the codecs of their columns. */
import { WatcherError } from '../../errors.ts';
import { textOid } from './catalog.ts';
import type { CatalogWatch } from './catalog-watch.ts';
import type { PostgresDriverOptions } from './options.ts';
import type { RelationMessage } from './pgoutput.ts';
import type { BoundRelation } from './relation.ts';
import { bindDefinition, bindMessage } from './relation.ts';

/** Types below are built in: their form never changes. Source: FirstNormalObjectId in src/include/access/transam.h. */
const firstUserOid = 16_384;

export class StreamRelations {
  readonly #watch: CatalogWatch;
  readonly #options: PostgresDriverOptions;
  /** The server describes a table once in a session, and again only when it has changed. */
  readonly #messages = new Map<number, RelationMessage>();
  readonly #bound = new Map<number, BoundRelation | null>();
  /** Tables whose rows are older than the types of now. */
  readonly #asText = new Set<number>();

  constructor(watch: CatalogWatch, options: PostgresDriverOptions) {
    this.#watch = watch;
    this.#options = options;
  }

  /** After the catalog was looked at: tables and types may be others. */
  forget(): void {
    this.#bound.clear();
    this.#asText.clear();
  }

  /**
   * The rows that come are of an older form of a type than the catalog has, which nobody can look up any more: their
   * text stands for them until the table was dumped anew.
   */
  readAsText(oid: number): void {
    this.#bound.delete(oid);
    this.#asText.add(oid);
    this.#watch.demand(oid);
  }

  /** Takes a Relation message; looks at the catalog when that knows the table otherwise, or not at all. */
  async learn(message: RelationMessage): Promise<void> {
    this.#messages.set(message.oid, message);
    this.#bound.delete(message.oid);
    const known = this.#watch.definition(message.oid) !== null;
    if (!known && !this.#options.matches(message.schema, message.table)) return;
    if (!known && (await this.#watch.isCovered(message.oid))) return;
    const unknown = message.columns
      .map(({ typeOid }) => typeOid)
      .filter((oid) => !this.#watch.types.has(oid));
    if (unknown.length > 0) await this.#watch.loadTypes(unknown);
    if (!known || !this.#isAsDefined(message.oid)) await this.#watch.look();
    // A type that is dropped by now: the column is gone, or of another type, since then.
    if (unknown.some((oid) => !this.#watch.types.has(oid))) this.readAsText(message.oid);
  }

  /** Null: not a table of the sync. */
  lookup(oid: number): BoundRelation | null {
    const cached = this.#bound.get(oid);
    if (cached !== undefined) return cached;
    const bound = this.#bind(oid);
    this.#bound.set(oid, bound);
    return bound;
  }

  name(oid: number): { readonly schema: string; readonly table: string } | null {
    return this.#messages.get(oid) ?? null;
  }

  #isAsDefined(oid: number): boolean {
    const { types } = this.#watch;
    const definition = this.#watch.definition(oid);
    if (definition === null) return false;
    if (definition.columns.some(({ typeOid }) => !types.has(typeOid))) return false;
    const defined = bindDefinition(definition, types, this.#options.numbers);
    return this.#bind(oid)?.relation.signature === defined.relation.signature;
  }

  #bind(oid: number): BoundRelation | null {
    const { types } = this.#watch;
    const definition = this.#watch.definition(oid);
    if (definition === null) return null;
    const message = this.#messages.get(oid);
    if (message === undefined) {
      throw new WatcherError('unsupported_event', {
        message: `The log holds a row of ${definition.schema}.${definition.name} before its description`,
      });
    }
    const isLost = (typeOid: number) =>
      !types.has(typeOid) || (this.#asText.has(oid) && typeOid >= firstUserOid);
    const columns = message.columns.map((column) =>
      isLost(column.typeOid) ? { ...column, typeOid: textOid } : column,
    );
    const excludes = this.#options.excludesColumn;
    return bindMessage({ ...message, columns }, definition, excludes, types, this.#options.numbers);
  }
}
