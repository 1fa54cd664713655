/**
 * Differences of a JSON column in PARTIAL_UPDATE_ROWS (binlog_row_value_options=PARTIAL_JSON).
 * Source: MySQL, `Json_diff_vector::read_binary` and `apply_json_diffs`.
 */
import type { Fragment } from '../../../../replication/change.ts';
import { ByteReader, malformed, unsupportedValue } from '../reader.ts';
import { jsonText } from './json.ts';
import { type JsonLeg, parseJsonPath } from './json-path.ts';
import { formatJson, type JsonNode, parseJson } from './json-text.ts';
import { quote } from './text.ts';

export interface JsonDiff {
  readonly op: 'replace' | 'insert' | 'remove';
  readonly path: readonly JsonLeg[];
  /** null: of remove. */
  readonly value: Fragment | null;
}

/** An after image holds this in place of a value: apply it to the value before. */
export class JsonDiffs {
  readonly diffs: readonly JsonDiff[];

  constructor(diffs: readonly JsonDiff[]) {
    this.diffs = diffs;
  }

  /**
   * `base`: the value before, as `jsonText` or `compactJson` gives it.
   * @throws WatcherError `unsupported_value` when the differences do not fit it: it is not the value before.
   */
  apply(base: Fragment): Fragment {
    let document = parseJson(base);
    for (const diff of this.diffs) document = applyDiff(document, diff);
    return formatJson(document);
  }
}

const operations = ['replace', 'insert', 'remove'] as const;

/** The length in four bytes, then the differences. */
export function readJsonDiffs(reader: ByteReader): JsonDiffs {
  const inner = new ByteReader(reader.view(reader.uint32()));
  const diffs: JsonDiff[] = [];
  while (inner.remaining > 0) {
    const op = operations[inner.uint8()];
    if (op === undefined) throw malformed('an operation of a JSON difference');
    const path = parseJsonPath(inner.text(inner.lengthEncoded()));
    const value = op === 'remove' ? null : jsonText(inner.view(inner.lengthEncoded()));
    diffs.push({ op, path, value });
  }
  return new JsonDiffs(diffs);
}

function applyDiff(document: JsonNode, { op, path, value }: JsonDiff): JsonNode {
  const leg = path.at(-1);
  if (leg === undefined) {
    if (op !== 'replace' || value === null) throw noFit();
    return parseJson(value);
  }
  const parent = path.slice(0, -1).reduce(child, document);
  if (leg.type === 'member') changeMember(parent, quote(leg.name), op, value);
  else if (Array.isArray(parent)) changeItem(parent, cellIndex(leg, parent.length), op, value);
  else if (op === 'replace' && cellIndex(leg, 1) === 0) {
    // A scalar counts as an array of one (auto-wrapping): its only cell is itself.
    return applyDiff(document, { op, path: path.slice(0, -1), value });
  } else throw noFit();
  return document;
}

function child(node: JsonNode, leg: JsonLeg): JsonNode {
  let found: JsonNode | undefined;
  if (leg.type === 'member') found = node instanceof Map ? node.get(quote(leg.name)) : undefined;
  else if (Array.isArray(node)) found = node[cellIndex(leg, node.length)];
  else found = cellIndex(leg, 1) === 0 ? node : undefined;
  if (found === undefined) throw noFit();
  return found;
}

function cellIndex({ index, fromEnd }: JsonLeg & { type: 'cell' }, length: number): number {
  return fromEnd ? length - 1 - index : index;
}

function changeMember(
  parent: JsonNode,
  key: string,
  op: JsonDiff['op'],
  value: Fragment | null,
): void {
  if (!(parent instanceof Map) || parent.has(key) !== (op !== 'insert')) throw noFit();
  if (value === null) parent.delete(key);
  else if (op === 'replace') parent.set(key, parseJson(value));
  else insertMember(parent, key, parseJson(value));
}

/** MySQL keeps the members of an object by the length of their keys, then by their bytes. */
function insertMember(parent: Map<string, JsonNode>, key: string, value: JsonNode): void {
  const members = [...parent, [key, value] as const];
  const bytes = new Map(members.map(([name]) => [name, Buffer.from(JSON.parse(name) as string)]));
  const compare = (a: string, b: string) => {
    const left = bytes.get(a) ?? Buffer.alloc(0);
    const right = bytes.get(b) ?? Buffer.alloc(0);
    return left.length - right.length || left.compare(right);
  };
  members.sort(([a], [b]) => compare(a, b));
  parent.clear();
  for (const [name, member] of members) parent.set(name, member);
}

function changeItem(
  parent: JsonNode[],
  index: number,
  op: JsonDiff['op'],
  value: Fragment | null,
): void {
  const exists = index >= 0 && index < parent.length;
  if (op === 'insert' && value !== null) {
    // `[last-1]` of an array of one is before its beginning: at its beginning.
    parent.splice(Math.min(Math.max(index, 0), parent.length), 0, parseJson(value));
  } else if (exists && value === null) parent.splice(index, 1);
  else if (exists && op === 'replace' && value !== null) parent[index] = parseJson(value);
  else throw noFit();
}

function noFit() {
  return unsupportedValue('a difference of a JSON document that does not fit the document before');
}
