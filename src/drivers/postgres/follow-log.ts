/** The log as the core wants it: what the walsender sends and what the catalog says, in one order. */
import type { StreamBatch, StreamMessage } from '../../replication/change.ts';
import type { Assembler } from './assemble.ts';
import type { CatalogWatch } from './catalog-watch.ts';
import type { RelationMessage } from './pgoutput.ts';
import { inTable, isUnsupportedValue } from './read-tables.ts';
import type { StreamItem, WalStream } from './stream.ts';
import type { StreamRelations } from './stream-relations.ts';

export interface FollowOptions {
  readonly wal: WalStream;
  readonly assembler: Assembler;
  readonly relations: StreamRelations;
  readonly watch: CatalogWatch;
  readonly signal: AbortSignal;
}

const none: StreamBatch = [];
/** Messages that are handed out at once, at most. */
const batchMessages = 64;

/** Ends only by throwing. */
export async function* followLog(options: FollowOptions): AsyncGenerator<StreamBatch> {
  const { wal, watch } = options;
  for (;;) {
    const items = await wal.take();
    yield* batches(items, options);
    const catalog = catalogBetween(options);
    if (catalog.length > 0) yield catalog;
    // A table that is gone waits until the log up to then was read; an idle server must be asked how far it is.
    if (watch.waits && items.length === 0) wal.ask();
  }
}

async function* batches(
  items: readonly StreamItem[],
  options: FollowOptions,
): AsyncGenerator<StreamBatch> {
  let ready: StreamMessage[] = [];
  try {
    for (const item of items) {
      options.signal.throwIfAborted();
      if (item.type === 'relation') {
        ready.push(...(await describe(item, options)));
        continue;
      }
      // Rows are many, and to await each would cost as much as to decode it.
      const assembled = assemble(item, options);
      const message = assembled instanceof Promise ? await assembled : assembled;
      if (message !== null) ready.push(message);
      if (ready.length < batchMessages && !isLarge(message)) continue;
      yield ready;
      ready = [];
    }
  } catch (error) {
    // What was read before it is whole.
    if (ready.length > 0) yield ready;
    throw error;
  }
  if (ready.length > 0) yield ready;
}

/** A part of a large transaction: it takes memory, and does not wait for others to be ready. */
function isLarge(message: StreamMessage | null): boolean {
  return message?.type === 'transaction' && !message.last;
}

async function describe(relation: RelationMessage, options: FollowOptions): Promise<StreamBatch> {
  await options.relations.learn(relation);
  // What the log describes now, it describes as of later than what is waiting: a table that joins must be
  // reported before its first change, also in the middle of a transaction.
  return options.watch.definition(relation.oid) === null ? catalogChange(options, null) : none;
}

type LogMessage = Exclude<StreamItem, { type: 'keepalive' | 'relation' }>;

type Assembled = StreamMessage | null;

function assemble(
  item: Exclude<StreamItem, RelationMessage>,
  options: FollowOptions,
): Assembled | Promise<Assembled> {
  const { assembler } = options;
  if (item.type === 'keepalive') return assembler.keepalive(item.walEnd);
  try {
    return assembler.handle(item);
  } catch (error) {
    return assembleAnew(item, error, options);
  }
}

/**
 * ALTER TYPE … ADD ATTRIBUTE changes the text of a composite with no Relation message. So a value that does not
 * fit its type is tried
 * 1. with the types as they were loaded,
 * 2. with the types as they are now,
 * 3. as text, when it is from before a change that is in the catalog already; the table is dumped anew then.
 */
async function assembleAnew(
  item: LogMessage,
  error: unknown,
  options: FollowOptions,
): Promise<Assembled> {
  const { relations, watch } = options;
  if (!isUnsupportedValue(error) || !('oid' in item)) throw error;
  await watch.look();
  const again = handleAgain(item, options);
  if (again !== 'unsupported') return again;
  relations.readAsText(item.oid);
  const asText = handleAgain(item, options);
  if (asText !== 'unsupported') return asText;
  const name = relations.name(item.oid);
  throw name === null ? error : inTable(error, name.schema, name.table);
}

function handleAgain(
  item: LogMessage,
  { assembler }: FollowOptions,
): StreamMessage | null | 'unsupported' {
  try {
    return assembler.handle(item);
  } catch (error) {
    if (isUnsupportedValue(error)) return 'unsupported';
    throw error;
  }
}

function catalogBetween(options: FollowOptions): StreamBatch {
  const { assembler } = options;
  return assembler.inTransaction ? none : catalogChange(options, assembler.position);
}

/** From the event on the stream hands out other tables than before. */
function catalogChange({ watch, relations }: FollowOptions, position: bigint | null): StreamBatch {
  const events = watch.takeEvents(position);
  if (events.length === 0) return none;
  relations.forget();
  return [{ type: 'catalog', events }];
}
