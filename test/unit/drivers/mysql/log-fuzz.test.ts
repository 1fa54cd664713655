/**
 * The log as bytes → transactions, with the bytes damaged: a typed error, never a crash, a hang or, where there are
 * checksums, a wrong row. fast-check prints the seed of what fails; the number of runs is fixed.
 */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Assembler } from '../../../../src/drivers/mysql/assemble.ts';
import { RowDecoder } from '../../../../src/drivers/mysql/binlog/row-images.ts';
import type { TableMap } from '../../../../src/drivers/mysql/binlog/table-map.ts';
import { PacketSplitter } from '../../../../src/drivers/mysql/log-packets.ts';
import { loadZstd } from '../../../../src/drivers/mysql/log-payload.ts';
import { LogDecoder } from '../../../../src/drivers/mysql/log-reader.ts';
import type { LogTable, LogTables } from '../../../../src/drivers/mysql/log-table.ts';
import { classify } from '../../../../src/drivers/mysql/statement.ts';
import { WatcherError } from '../../../../src/errors.ts';
import type { StreamMessage } from '../../../../src/replication/change.ts';
import { eventBytes, hintsOf, selected } from './binlog/fixtures.ts';
import { facts, position, relation, ScriptedStaging } from './log-script.ts';

const paths = [
  ...['transactions', 'compressed', 'partial-json', 'names', 'vectors', 'network'].map(
    (name) => `mysql-9.7/${name}`,
  ),
  ...['compressed', 'spatial', 'compressed-columns', 'versioned'].map(
    (name) => `mariadb-10.11/${name}`,
  ),
  'mysql-5.6/numbers',
];

beforeAll(loadZstd);

/** Rows as they are decoded; differences of JSON documents are not applied. */
class DecodedTables implements LogTables {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  describe(map: TableMap): LogTable {
    const known = this.#path.startsWith('mysql-5.6') ? selected(this.#path)[map.table] : undefined;
    const hints = known === undefined ? [] : hintsOf(known);
    const found = relation(`${map.schema}.${map.table}`);
    return {
      relation: found,
      transactional: true,
      read(event, messagesBefore) {
        const rows = new RowDecoder(map, { numbers: 'number', hints }).decode(event);
        const changes = rows.map((row, at) => ({
          op: 'insert' as const,
          relation: found,
          row: [JSON.stringify(row)],
          messagesBefore: messagesBefore + at,
        }));
        return { rows: rows.length, changes };
      },
    };
  }

  async apply() {
    return { changes: [], events: [] };
  }

  cascades() {
    return [];
  }

  unknownCommit() {
    return [];
  }
}

interface Outcome {
  /** A line for each change, up to the error. */
  readonly rows: readonly string[];
  readonly error: WatcherError | null;
}

/** Only a typed error may come out. */
async function read(path: string, events: readonly Buffer[]): Promise<Outcome> {
  const flavour = path.startsWith('mariadb') ? 'mariadb' : 'mysql';
  const log = new LogDecoder({
    checksum: 'crc32',
    start: { file: 'binlog.000001', offset: 4 },
    skipTo: null,
  });
  const assembler = new Assembler({
    from: { position: position(null), identity: {}, partial: null },
    facts: facts(flavour, false),
    tables: new DecodedTables(path),
    classify,
    staged: new ScriptedStaging(),
  });
  const rows: string[] = [];
  const { signal } = new AbortController();
  try {
    for (const batch of log.batches(events)) {
      for (const event of batch) {
        for await (const message of assembler.handle(event, signal)) rows.push(...linesOf(message));
      }
    }
  } catch (error) {
    if (!(error instanceof WatcherError)) throw error;
    expect(codes).toContain(error.code);
    return { rows, error };
  }
  return { rows, error: null };
}

const codes = [
  'unsupported_event',
  'unsupported_value',
  'source_setting',
  'source_replaced',
  'row_too_large',
  'binlog_incident',
];

function linesOf(message: StreamMessage): string[] {
  if (message.type !== 'transaction') return [];
  return message.changes.map(
    (change) => `${change.relation.table} ${'row' in change ? change.row : ''}`,
  );
}

function withChecksum(event: Buffer): Buffer {
  const bytes = Buffer.from(event);
  if (bytes.length < 23) return bytes;
  bytes.writeUInt32LE(bytes.length, 9);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

function flipped(event: Buffer, bits: readonly number[], from = 0): Buffer {
  const bytes = Buffer.from(event);
  for (const bit of bits) {
    const at = from + ((bit >> 3) % Math.max(1, bytes.length - from));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  }
  return bytes;
}

function isPrefix(some: readonly string[], all: readonly string[]): boolean {
  return some.length <= all.length && some.every((line, at) => line === all[at]);
}

describe.each(paths)('%s', (path) => {
  const events = eventBytes(path);
  const one = fc.nat(events.length - 1);
  const bits = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 3 });
  const replace = (at: number, ...by: readonly Buffer[]) => events.toSpliced(at, 1, ...by);

  test('undamaged', async () => {
    const { rows, error } = await read(path, events);
    expect(error).toBeNull();
    expect(rows.length > 0 || path.endsWith('network')).toBe(true);
  });

  test('bits flipped: an error, after rows that are right', async () => {
    const { rows: all } = await read(path, events);
    await fc.assert(
      fc.asyncProperty(one, bits, async (at, flips) => {
        const damaged = flipped(events[at] as Buffer, flips);
        if (damaged.equals(events[at] as Buffer)) return;
        const { rows, error } = await read(path, replace(at, damaged));
        // One bit is in no checksum: that the file is in use.
        if (error === null) expect(rows).toEqual(all);
        else expect(error.code).toBe('unsupported_event');
        expect(isPrefix(rows, all)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('an event cut short, and one with more than it says', async () => {
    const { rows: all } = await read(path, events);
    await fc.assert(
      fc.asyncProperty(one, fc.nat(), fc.boolean(), async (at, place, longer) => {
        const event = events[at] as Buffer;
        const part = event.subarray(0, place % event.length);
        const { rows, error } = await read(
          path,
          replace(at, longer ? Buffer.concat([event, part, Buffer.of(0)]) : part),
        );
        expect(error?.code).toBe('unsupported_event');
        expect(isPrefix(rows, all)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('bits flipped or bytes cut, with the checksum made right: an error or not', async () => {
    await fc.assert(
      fc.asyncProperty(one, bits, fc.option(fc.nat()), async (at, flips, cut) => {
        const event = events[at] as Buffer;
        const length = cut === null ? event.length : 23 + (cut % Math.max(1, event.length - 22));
        const damaged = withChecksum(flipped(event, flips, 4).subarray(0, length));
        await read(path, replace(at, damaged));
      }),
      { numRuns: 100 },
    );
  });

  test('events that are left out, doubled or change places: an error or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        one,
        one,
        fc.constantFrom('out', 'twice', 'swap'),
        async (at, other, what) => {
          const [event, second] = [events[at] as Buffer, events[other] as Buffer];
          if (what === 'out') await read(path, replace(at));
          else if (what === 'twice') await read(path, events.toSpliced(other, 0, event));
          else await read(path, replace(at, second).toSpliced(other, 1, event));
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('random bytes for events, between real ones', async () => {
  const path = 'mysql-9.7/transactions';
  const events = eventBytes(path);
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
  await fc.assert(
    fc.asyncProperty(
      fc.nat(events.length),
      fc.nat(255),
      bytes,
      fc.boolean(),
      async (at, type, body, whole) => {
        const event = Buffer.concat([Buffer.alloc(19), body, Buffer.alloc(4)]);
        event.writeUInt8(type, 4);
        await read(path, events.toSpliced(at, 0, whole ? withChecksum(event) : body));
      },
    ),
    { numRuns: 1_500 },
  );
});

test('random bytes from the socket, in random pieces: packets or an error', () => {
  const chunk = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
      const splitter = new PacketSplitter();
      const payloads: Buffer[] = [];
      try {
        for (const each of chunks) {
          splitter.push(each, (bytes, start, end) => payloads.push(bytes.subarray(start, end)));
        }
      } catch (error) {
        expect(error).toBeInstanceOf(WatcherError);
      }
      const [got, sent] = [payloads, chunks].map((list) =>
        list.reduce((sum, { length }) => sum + length, 0),
      );
      expect(got).toBeLessThanOrEqual(sent as number);
    }),
    { numRuns: 2_000 },
  );
});
