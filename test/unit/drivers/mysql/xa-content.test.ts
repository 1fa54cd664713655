import { expect, test } from 'vitest';
import {
  type ContentEntry,
  ContentWriter,
  readContent,
} from '../../../../src/drivers/mysql/xa-content.ts';
import type { StagedPiece } from '../../../../src/replication/change.ts';

const table: ContentEntry = {
  kind: 'table',
  signature: 's',
  map: {
    type: 'table_map',
    tableId: 9,
    schema: 'db',
    table: 't',
    columns: [
      {
        type: 247,
        meta: 1,
        nullable: true,
        name: 'e',
        unsigned: null,
        collation: 8,
        members: [Buffer.from([0xe9]), Buffer.from('x')],
        dimensions: null,
        visible: null,
      },
    ],
    primaryKey: [{ column: 0, prefix: 0 }],
    fullMetadata: true,
  },
};

const rows = (...texts: string[]): ContentEntry => ({
  kind: 'rows',
  table: 0,
  rows: texts.length,
  bytes: 10,
  changes: texts.map((text, messagesBefore) => ({
    op: 'update',
    messagesBefore,
    row: [text, undefined],
    old: ['null', '{}'],
  })),
});

const entries: readonly ContentEntry[] = [
  table,
  rows('1', '"a\nb"'),
  {
    kind: 'rows',
    table: 0,
    rows: 3,
    bytes: 1,
    changes: [
      { op: 'insert', messagesBefore: 2, row: ['2'] },
      { op: 'delete', messagesBefore: 3, old: ['2'] },
      { op: 'update', messagesBefore: 4, row: ['3'], old: null },
    ],
  },
  { kind: 'savepoint', name: 'a b' },
  { kind: 'events', events: [{ kind: 'redump', tableId: 't', table: 'db.t', reason: 'r' }] },
];

async function* stored(pieces: readonly StagedPiece[]): AsyncGenerator<string> {
  for (const { data } of pieces) yield Buffer.from(data).toString();
}

async function read(pieces: AsyncIterable<string>): Promise<ContentEntry[]> {
  const found: ContentEntry[] = [];
  for await (const entry of readContent(pieces)) found.push(entry);
  return found;
}

test('what was written is read, whatever came before it under the same name', async () => {
  const writer = new ContentWriter();
  const pieces = [...writer.write(entries, false), ...writer.write([rows('9')], true)];
  const old = { index: 7, data: 'of an earlier one', messagesBefore: 0 };
  expect(await read(stored([...pieces, old]))).toEqual([...entries, rows('9')]);
});

test('much is cut into pieces that a store takes, between characters', async () => {
  const many = [rows(...Array.from({ length: 3 }, (_, at) => '🐬'.repeat(60_000 + at)))];
  for (const shift of ['', '.']) {
    const writer = new ContentWriter();
    const pieces = writer.write([rows(shift), ...many], true);
    expect(pieces.map(({ index }) => index)).toEqual(pieces.map((_, at) => at));
    expect(pieces.length).toBeGreaterThan(5);
    for (const { data } of pieces) expect(Buffer.byteLength(data)).toBeLessThan(256 * 1024);
    expect(await read(stored(pieces))).toEqual([rows(shift), ...many]);
  }
});

test('nothing was staged: there is nothing', async () => {
  expect(await read(stored([]))).toEqual([]);
});

test.each([
  ['its end', (pieces: StagedPiece[]) => pieces.slice(0, -1)],
  ['its beginning', (pieces: StagedPiece[]) => pieces.slice(1)],
  [
    'a part of a line',
    (pieces: StagedPiece[]) => [{ ...pieces[0], data: '{"kind"' } as StagedPiece],
  ],
  [
    'the last line',
    () =>
      new ContentWriter().write(entries, true).map((piece) => ({
        ...piece,
        data: piece.data.replace('{"kind":"end"}\n', ''),
      })),
  ],
  [
    'what this version knows',
    () => [{ index: 0, data: '{"kind":"begin","version":2}\n', messagesBefore: 0 }],
  ],
])('a content without %s is an error', async (_, damage) => {
  const pieces = new ContentWriter().write([rows('x'.repeat(200_000))], true);
  await expect(read(stored(damage([...pieces])))).rejects.toMatchObject({ code: 'internal' });
});
