/**
 * What a row becomes: its key and its value. Pure; the only place that knows the shape of either (SPEC §5, §6).
 */
import type { Fragment, FullRow, Relation, RowImage } from './change.ts';
import { escapeKeyPart } from './key-template.ts';

export interface RowMapper {
  readonly relation: Relation;
  /** Prefix of the table's keys. */
  readonly prefix: string;
  /** The key columns must be there. */
  keyOf(row: RowImage): string;
  valueOf(row: FullRow): string;
  /** Fills the columns that the log omitted from the value that etcd holds; null when a column is not in it. */
  complete(row: RowImage, baseValue: string): FullRow | null;
}

export function createRowMapper(relation: Relation, prefix: string): RowMapper {
  const { columns, key } = relation;
  const openers = columns.map(
    (column, index) => `${index === 0 ? '{' : ','}${JSON.stringify(column.name)}:`,
  );

  const keyPart = (row: RowImage, index: number): string => {
    const fragment = row[index];
    const column = columns[index];
    if (fragment === undefined || column === undefined) {
      throw new RangeError(`key column ${index} of ${relation.table} is not in the row image`);
    }
    return escapeKeyPart(column.keyText(fragment));
  };

  return {
    relation,
    prefix,
    keyOf(row) {
      let text = prefix;
      for (let part = 0; part < key.length; part += 1) {
        if (part > 0) text += '/';
        text += keyPart(row, key[part] as number);
      }
      return text;
    },
    valueOf(row) {
      if (columns.length === 0) return '{}';
      let text = '';
      for (let index = 0; index < columns.length; index += 1) {
        // One piece at a time: V8 flattens a text that grew only at its end in two thirds of the time.
        text += openers[index] as string;
        text += row[index] as Fragment;
      }
      return `${text}}`;
    },
    complete(row, baseValue) {
      const base = splitMembers(baseValue);
      const full: Fragment[] = [];
      for (let index = 0; index < columns.length; index += 1) {
        const fragment = row[index] ?? base.get((columns[index] as { name: string }).name);
        if (fragment === undefined) return null;
        full.push(fragment);
      }
      return full;
    },
  };
}

/** True when every column is there. */
export function isFull(row: RowImage): row is FullRow {
  for (let index = 0; index < row.length; index += 1) {
    if (row[index] === undefined) return false;
  }
  return true;
}

/**
 * The members of a JSON object as raw texts: numbers keep their digits, embedded JSON its spelling. For values
 * that this module wrote: no white space between members. What is not such an object gives no members.
 */
export function splitMembers(json: string): Map<string, Fragment> {
  const members = new Map<string, Fragment>();
  if (!json.startsWith('{') || !json.endsWith('}')) return members;
  let at = 1;
  while (at < json.length - 1 && json[at] === '"') {
    const nameEnd = stringEnd(json, at);
    const valueStart = nameEnd + 1;
    const valueEnd = memberEnd(json, valueStart);
    const name: unknown = JSON.parse(json.slice(at, nameEnd));
    members.set(String(name), json.slice(valueStart, valueEnd));
    at = valueEnd + 1;
  }
  return members;
}

/** The index after the closing quote of the string that begins at `start`. */
function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The index of the `,` or `}` that ends the value that begins at `start`. */
function memberEnd(json: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < json.length) {
    const character = json[at];
    if (character === '"') {
      at = stringEnd(json, at);
      continue;
    }
    if (depth === 0 && (character === ',' || character === '}')) return at;
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
  }
  return at;
}
