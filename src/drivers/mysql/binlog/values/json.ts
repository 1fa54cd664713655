/**
 * MySQL's binary JSON → compact JSON text, with all digits of all numbers. It is the text that the server gives
 * (CAST(… AS CHAR)) without the spaces, so that `compactJson` of a dumped value is byte for byte the same.
 * Source: MySQL, `json_binary.h`; `Json_wrapper::to_string`.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { ByteReader, malformed } from '../reader.ts';
import { doubleText } from './floating.ts';
import { opaqueText } from './json-opaque.ts';
import { quote } from './text.ts';

const types = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

/** JSON_DOCUMENT_MAX_DEPTH of the server. */
const maxDepth = 100;

/** An empty value is the JSON literal null, as on the server. */
export function jsonText(document: Buffer): Fragment {
  if (document.length === 0) return 'null';
  const type = document.readUInt8(0);
  // Values are at offsets, which damaged bytes may aim at one place many times: no byte is paid for twice.
  const budget = { bytes: document.length };
  return valueText(document.subarray(1), type, budget, 0);
}

interface Budget {
  bytes: number;
}

function spend(budget: Budget, bytes: number): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0) throw malformed('a JSON document that holds more than it has bytes');
}

function valueText(bytes: Buffer, type: number, budget: Budget, depth: number): Fragment {
  if (depth > maxDepth) throw malformed('a JSON document that is too deep');
  const reader = new ByteReader(bytes);
  switch (type) {
    case types.smallObject:
    case types.largeObject:
      return objectText(reader, type === types.largeObject, budget, depth);
    case types.smallArray:
    case types.largeArray:
      return arrayText(reader, type === types.largeArray, budget, depth);
    case types.string:
      return quote(stringText(reader, variableLength(reader), budget));
    case types.opaque: {
      const fieldType = reader.uint8();
      const length = variableLength(reader);
      spend(budget, length);
      return opaqueText(fieldType, reader.view(length));
    }
    default:
      return scalarText(reader, type);
  }
}

function scalarText(reader: ByteReader, type: number): Fragment {
  switch (type) {
    case types.literal:
      return literalText(reader.uint8());
    case types.int16:
      return `${reader.int16()}`;
    case types.uint16:
      return `${reader.uint16()}`;
    case types.int32:
      return `${reader.int32()}`;
    case types.uint32:
      return `${reader.uint32()}`;
    case types.int64:
      return `${reader.int64()}`;
    case types.uint64:
      return `${reader.uint64()}`;
    case types.double:
      return withPoint(doubleText(reader.double()));
    default:
      throw malformed(`JSON type ${type}`);
  }
}

function literalText(code: number): Fragment {
  if (code === 0) return 'null';
  if (code === 1) return 'true';
  if (code === 2) return 'false';
  throw malformed(`JSON literal ${code}`);
}

/** The server writes a double that is whole as 1.0, and so tells it from an integer. */
function withPoint(text: string): Fragment {
  return text.includes('.') || text.includes('e') ? text : `${text}.0`;
}

function stringText(reader: ByteReader, length: number, budget: Budget): string {
  spend(budget, length);
  return reader.text(length);
}

/** Seven bits a byte, the lowest first; the highest bit: more follow. */
function variableLength(reader: ByteReader): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = reader.uint8();
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw malformed('a length in a JSON document');
}

/** Offsets in a container count from its start; large ones have four bytes. */
interface Container {
  readonly bytes: Buffer;
  readonly reader: ByteReader;
  readonly large: boolean;
  readonly count: number;
}

function container(outer: ByteReader, large: boolean): Container {
  const width = large ? 4 : 2;
  const count = outer.uint(width);
  const size = outer.uint(width);
  if (size > outer.end) throw malformed('a JSON container beyond its document');
  const bytes = outer.bytes.subarray(0, size);
  return { bytes, reader: new ByteReader(bytes, Math.min(width * 2, size)), large, count };
}

function arrayText(outer: ByteReader, large: boolean, budget: Budget, depth: number): Fragment {
  const array = container(outer, large);
  spend(budget, array.count * (large ? 5 : 3));
  const items: Fragment[] = [];
  for (let index = 0; index < array.count; index++) items.push(entryText(array, budget, depth));
  return `[${items.join(',')}]`;
}

function objectText(outer: ByteReader, large: boolean, budget: Budget, depth: number): Fragment {
  const object = container(outer, large);
  spend(budget, object.count * (large ? 11 : 7));
  const keys: string[] = [];
  for (let index = 0; index < object.count; index++) {
    const offset = object.reader.uint(large ? 4 : 2);
    const length = object.reader.uint16();
    keys.push(quote(stringText(at(object, offset), length, budget)));
  }
  const members = keys.map((key) => `${key}:${entryText(object, budget, depth)}`);
  return `{${members.join(',')}}`;
}

/** A type and the value itself, if it fits, else its offset. */
function entryText(parent: Container, budget: Budget, depth: number): Fragment {
  const { reader, large, bytes } = parent;
  const type = reader.uint8();
  const inline = new ByteReader(bytes, reader.offset);
  const offset = reader.uint(large ? 4 : 2);
  if (isInline(type, large)) return scalarText(inline, type);
  const start = at(parent, offset).offset;
  return valueText(bytes.subarray(start), type, budget, depth + 1);
}

function isInline(type: number, large: boolean): boolean {
  if (type === types.literal || type === types.int16 || type === types.uint16) return true;
  return large && (type === types.int32 || type === types.uint32);
}

function at({ bytes }: Container, offset: number): ByteReader {
  if (offset > bytes.length) throw malformed('an offset beyond its JSON container');
  return new ByteReader(bytes, offset);
}
