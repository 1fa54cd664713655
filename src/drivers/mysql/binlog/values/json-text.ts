/** Texts of JSON documents: the form that dump and stream share, and a tree that keeps every number's digits. */
import { unsupportedValue } from '../reader.ts';

const quoteMark = 0x22;
const backslash = 0x5c;
const space = 0x20;

/**
 * The text of a JSON value as the server gives it, without the spaces between its parts. MySQL 5.7 does not escape the line
 * breaks in base64 of binary values.
 */
export function compactJson(text: string): string {
  const hasBreaks = text.includes('\n');
  let result = '';
  let start = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quoteMark) {
      const end = endOfString(text, at);
      if (hasBreaks) {
        result += text.slice(start, at) + text.slice(at, end).replaceAll('\n', '\\n');
        start = end;
      }
      at = end;
    } else if (code <= space) {
      result += text.slice(start, at);
      at++;
      start = at;
    } else {
      at++;
    }
  }
  return start === 0 ? text : result + text.slice(start);
}

/** @returns the index after the closing quote of the string that starts at `at` */
function endOfString(text: string, at: number): number {
  let index = at + 1;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === quoteMark) return index + 1;
    if (code === backslash) index++;
  }
  throw notJson();
}

/** Scalars are their text; the keys of an object are JSON strings, quotes included, in their order. */
export type JsonNode = string | JsonNode[] | Map<string, JsonNode>;

/** @throws WatcherError `unsupported_value` when `text` is not compact JSON. */
export function parseJson(text: string): JsonNode {
  const cursor = { text, at: 0 };
  const node = parseNode(cursor);
  if (cursor.at !== text.length) throw notJson();
  return node;
}

export function formatJson(node: JsonNode): string {
  if (typeof node === 'string') return node;
  if (Array.isArray(node)) return `[${node.map(formatJson).join(',')}]`;
  return `{${[...node].map(([key, value]) => `${key}:${formatJson(value)}`).join(',')}}`;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function parseNode(cursor: Cursor): JsonNode {
  const first = cursor.text[cursor.at];
  if (first === '{') return parseObject(cursor);
  if (first === '[') return parseArray(cursor);
  if (first === '"') return parseString(cursor);
  return parseScalar(cursor);
}

function parseObject(cursor: Cursor): JsonNode {
  const members = new Map<string, JsonNode>();
  cursor.at++;
  if (skip(cursor, '}')) return members;
  do {
    const key = parseString(cursor);
    if (!skip(cursor, ':')) throw notJson();
    members.set(key, parseNode(cursor));
  } while (skip(cursor, ','));
  if (!skip(cursor, '}')) throw notJson();
  return members;
}

function parseArray(cursor: Cursor): JsonNode {
  const items: JsonNode[] = [];
  cursor.at++;
  if (skip(cursor, ']')) return items;
  do items.push(parseNode(cursor));
  while (skip(cursor, ','));
  if (!skip(cursor, ']')) throw notJson();
  return items;
}

function parseString(cursor: Cursor): string {
  if (cursor.text[cursor.at] !== '"') throw notJson();
  const start = cursor.at;
  cursor.at = endOfString(cursor.text, start);
  return cursor.text.slice(start, cursor.at);
}

const scalar = /(?:true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/y;

function parseScalar(cursor: Cursor): string {
  scalar.lastIndex = cursor.at;
  const match = scalar.exec(cursor.text);
  if (match === null) throw notJson();
  cursor.at = scalar.lastIndex;
  return match[0];
}

function skip(cursor: Cursor, expected: string): boolean {
  if (cursor.text[cursor.at] !== expected) return false;
  cursor.at++;
  return true;
}

function notJson() {
  return unsupportedValue('text that is not a JSON document');
}
