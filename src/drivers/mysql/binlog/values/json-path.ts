/** Paths of JSON differences: `$.a."b c"[3]`. Source: MySQL Reference Manual, "JSON Path Syntax". */
import { unsupportedValue } from '../reader.ts';

export type JsonLeg =
  | { readonly type: 'member'; readonly name: string }
  | { readonly type: 'cell'; readonly index: number; readonly fromEnd: boolean };

const leg = /\.("(?:[^"\\]|\\.)*"|[^."[\]*\s]+)|\[(last(?:\s*-\s*[0-9]{1,10})?|[0-9]{1,10})\]/y;

/** @throws WatcherError `unsupported_value` when it is not a path to one value. */
export function parseJsonPath(path: string): JsonLeg[] {
  if (!path.startsWith('$')) throw notAPath();
  const legs: JsonLeg[] = [];
  leg.lastIndex = 1;
  while (leg.lastIndex < path.length) {
    const match = leg.exec(path);
    if (match === null) throw notAPath();
    const [, member, cell = ''] = match;
    legs.push(member === undefined ? cellLeg(cell) : { type: 'member', name: memberName(member) });
  }
  return legs;
}

function memberName(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    throw notAPath();
  }
}

function cellLeg(text: string): JsonLeg {
  if (!text.startsWith('last')) return { type: 'cell', index: Number(text), fromEnd: false };
  const [, offset = '0'] = text.split('-');
  return { type: 'cell', index: Number(offset), fromEnd: true };
}

function notAPath() {
  return unsupportedValue('a path of a JSON difference');
}
