/** Bytes → events. The state that this needs is small: the checksum algorithm and who wrote the file. */
import { WatcherError } from '../../../errors.ts';
import * as control from './control.ts';
import { eventTypes as t } from './event-types.ts';
import { type FormatDescription, parseFormatDescription } from './format-description.ts';
import * as gtid from './gtid.ts';
import { type PreviousGtids, previousGtids } from './gtid-set-binary.ts';
import {
  type ChecksumAlgorithm,
  checkedBody,
  type EventHeader,
  headerFlags,
  parseHeader,
} from './header.ts';
import * as mariadbGtid from './mariadb-gtid.ts';
import { parseTransactionPayload, type TransactionPayload } from './payload.ts';
import { type Query, QueryParser } from './query.ts';
import { ByteReader } from './reader.ts';
import { parseRows, type RowsEvent, type RowsFormat } from './rows.ts';
import { type TableMap, TableMapParser } from './table-map.ts';

/**
 * An event without its header. Views in it (`RowsEvent.rows`, `TransactionPayload.payload`) are valid as long as its
 * bytes.
 */
export type BinlogEvent =
  | FormatDescription
  | control.Rotate
  | control.Xid
  | control.XaPrepare
  | control.Heartbeat
  | control.Incident
  | control.Notice
  | Query
  | gtid.Gtid
  | gtid.AnonymousGtid
  | PreviousGtids
  | mariadbGtid.MariadbGtidEvent
  | mariadbGtid.MariadbGtidList
  | TableMap
  | RowsEvent
  | TransactionPayload;

/** The server, as far as it changes how events read. */
interface Format {
  readonly tableMaps: TableMapParser;
  readonly queries: QueryParser;
  readonly mariadb: boolean;
  readonly tableIdBytes: 4 | 6;
}

const rowsFormats: ReadonlyMap<number, RowsFormat> = new Map(
  (
    [
      [t.writeRowsV1, 'insert', 1, false],
      [t.updateRowsV1, 'update', 1, false],
      [t.deleteRowsV1, 'delete', 1, false],
      [t.writeRows, 'insert', 2, false],
      [t.updateRows, 'update', 2, false],
      [t.deleteRows, 'delete', 2, false],
      [t.partialUpdateRows, 'update', 2, false],
      [t.mariadbWriteRowsCompressedV1, 'insert', 1, true],
      [t.mariadbUpdateRowsCompressedV1, 'update', 1, true],
      [t.mariadbDeleteRowsCompressedV1, 'delete', 1, true],
      [t.mariadbWriteRowsCompressed, 'insert', 2, true],
      [t.mariadbUpdateRowsCompressed, 'update', 2, true],
      [t.mariadbDeleteRowsCompressed, 'delete', 2, true],
    ] as const
  ).map(([code, op, version, compressed]) => [
    code,
    { op, version, compressed, partialJson: code === t.partialUpdateRows },
  ]),
);

type Parse = (reader: ByteReader, header: EventHeader, format: Format) => BinlogEvent;

const notice =
  (what: control.Notice['what']): Parse =>
  (reader) =>
    control.notice(reader, what);

const parsers: ReadonlyMap<number, Parse> = new Map<number, Parse>([
  [t.formatDescription, parseFormatDescription],
  [t.rotate, control.parseRotate],
  [t.query, (reader, _, { queries }) => queries.parse(reader)],
  [t.mariadbQueryCompressed, (reader, _, { queries }) => queries.parseCompressed(reader)],
  [t.xid, control.parseXid],
  [t.xaPrepare, control.parseXaPrepare],
  [t.gtid, gtid.parseGtid],
  [t.anonymousGtid, gtid.parseAnonymousGtid],
  [t.taggedGtid, gtid.parseTaggedGtid],
  [t.previousGtids, previousGtids],
  [t.mariadbGtid, (reader, header) => mariadbGtid.parseMariadbGtid(reader, header.serverId)],
  [t.mariadbGtidList, mariadbGtid.parseMariadbGtidList],
  [t.tableMap, (reader, _, format) => format.tableMaps.parse(reader, format)],
  [t.transactionPayload, parseTransactionPayload],
  [t.heartbeat, (reader, header) => control.parseHeartbeat(reader, header.nextOffset)],
  [t.heartbeatV2, control.parseHeartbeatV2],
  [t.incident, control.parseIncident],
  [t.stop, notice('stop')],
  [t.rowsQuery, notice('rows_query')],
  [t.mariadbAnnotateRows, notice('rows_query')],
  [t.mariadbBinlogCheckpoint, notice('binlog_checkpoint')],
  [t.ignorable, notice('ignorable')],
  [t.mariadbStartEncryption, startEncryption],
  [t.viewChange, notice('view_change')],
  // The context of a statement that is logged as a statement: that statement is what stops a sync.
  [t.intvar, notice('statement_context')],
  [t.rand, notice('statement_context')],
  [t.userVar, notice('statement_context')],
  ...[...rowsFormats].map(([code, rows]): [number, Parse] => [
    code,
    (reader, _, format) => parseRows(reader, rows, format.tableIdBytes),
  ]),
]);

const statementTypes: ReadonlySet<number> = new Set([
  t.beginLoadQuery,
  t.executeLoadQuery,
  t.appendBlock,
  t.deleteFile,
]);

export class BinlogDecoder {
  readonly #reader = new ByteReader(Buffer.alloc(0));
  #checksum: ChecksumAlgorithm;
  #format: Format = { ...newParsers(), mariadb: false, tableIdBytes: 6 };

  /** `checksum`: what was agreed on the connection; it holds until the first FORMAT_DESCRIPTION. */
  constructor(checksum: ChecksumAlgorithm) {
    this.#checksum = checksum;
  }

  /**
   * Decodes one event, from its header to its checksum.
   * @throws WatcherError `unsupported_event` when it is damaged, truncated, too long, of an unknown type or a logged
   *   statement that changes rows; `unsupported_value` for a name that is not UTF-8.
   */
  decode(bytes: Buffer, header = parseHeader(bytes)): BinlogEvent {
    const describesFormat = header.type === t.formatDescription;
    const event = this.#parse(
      header,
      checkedBody(bytes, header, describesFormat ? 'crc32' : this.#checksum, this.#reader),
    );
    if (event.type === 'format_description') this.#follow(event);
    return event;
  }

  /** Decodes one event of a TRANSACTION_PAYLOAD: they have no checksums. */
  decodeInner(bytes: Buffer, header = parseHeader(bytes)): BinlogEvent {
    return this.#parse(header, checkedBody(bytes, header, 'none', this.#reader));
  }

  #parse(header: EventHeader, reader: ByteReader): BinlogEvent {
    const parse = parsers.get(header.type);
    if (parse === undefined) throw unknownEvent(header.type);
    const event = parse(reader, header, this.#format);
    reader.finish();
    return event;
  }

  #follow(description: FormatDescription): void {
    this.#checksum = description.checksum;
    // Only servers before 5.1.4 write table ids of 4 bytes.
    const tableIdBytes = description.postHeaderBytes[t.tableMap - 1] === 6 ? 4 : 6;
    const { mariadb } = description;
    this.#format = { ...newParsers(), mariadb, tableIdBytes };
  }
}

/** They remember what they have read last. */
function newParsers(): Pick<Format, 'tableMaps' | 'queries'> {
  return { tableMaps: new TableMapParser(), queries: new QueryParser() };
}

/** A server that has decrypted the events for us marks it as one that says nothing. */
function startEncryption(reader: ByteReader, header: EventHeader): BinlogEvent {
  if ((header.flags & headerFlags.ignorable) !== 0) return control.notice(reader, 'ignorable');
  throw new WatcherError('unsupported_event', {
    message: 'The binlog is encrypted, and the server sends it as it is',
  });
}

function unknownEvent(type: number): WatcherError {
  if (statementTypes.has(type)) {
    return new WatcherError('unsupported_event', {
      message: 'The binlog holds a LOAD DATA that is logged as a statement',
      remedy: 'SET GLOBAL binlog_format = ROW; then dump again.',
    });
  }
  return new WatcherError('unsupported_event', {
    message: `The binlog holds an event of the unknown type ${type}`,
  });
}
