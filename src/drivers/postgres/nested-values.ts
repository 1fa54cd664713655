/**
 * Encoders of values that hold other values. What the server would not have written is refused.
 * Source of the text forms: PostgreSQL documentation, "Array Input and Output Syntax", "Composite Type Input and
 * Output Syntax", and the chapter on hstore.
 */
import { WatcherError } from '../../errors.ts';
import type { FragmentEncoder } from './scalar-values.ts';
import { encodeString, nullFragment, unexpectedText } from './scalar-values.ts';
import { TextCursor } from './text-cursor.ts';
import type { ArrayType, CompositeType } from './types.ts';

const bounds = /^(?:\[-?[0-9]+:-?[0-9]+\])+=/;

/**
 * `{{1,NULL},{2,3}}` → `[[1,null],[2,3]]`; the bounds of `[2:3]={1,2}` are lost, as in row_to_json.
 * With `refuseBounds` they are an error instead.
 */
export function arrayEncoder(
  type: ArrayType,
  element: FragmentEncoder,
  refuseBounds: boolean,
): FragmentEncoder {
  const { name, delimiter } = type;
  // Everything else is quoted by the server. The delimiter is one character, and none of the four.
  const bare = new RegExp(`[^"\\\\{}\\u{${delimiter.charCodeAt(0).toString(16)}}]+`, 'uy');
  return (text) => {
    const start = text.startsWith('[') ? (bounds.exec(text)?.[0].length ?? 0) : 0;
    if (refuseBounds && start > 0) throw boundsInKey(name);
    const cursor = new TextCursor(text, start);
    if (cursor.skip('{}') && cursor.atEnd) return '[]';
    return encodeArray(new TextCursor(text, start), { name, delimiter, bare, element });
  };
}

interface ArrayForm {
  readonly name: string;
  readonly delimiter: string;
  readonly bare: RegExp;
  readonly element: FragmentEncoder;
}

function encodeArray(cursor: TextCursor, form: ArrayForm): string {
  let json = '';
  let depth = 0;
  let closed = 0;
  do {
    let opened = 0;
    while (cursor.skip('{')) opened += 1;
    // Arrays are rectangular: as many levels open again as were closed.
    if (opened !== closed && json !== '') throw unexpectedText(form.name);
    json += (json === '' ? '' : ',') + '['.repeat(opened) + encodeElement(cursor, form);
    closed = 0;
    while (cursor.skip('}')) closed += 1;
    json += ']'.repeat(closed);
    depth += opened - closed;
  } while (depth > 0 && cursor.skip(form.delimiter));
  if (depth !== 0 || closed === 0 || !cursor.atEnd) throw unexpectedText(form.name);
  return json;
}

function encodeElement(cursor: TextCursor, form: ArrayForm): string {
  if (cursor.atQuote) {
    const text = cursor.quoted(false);
    if (text === null) throw unexpectedText(form.name);
    return form.element(text);
  }
  const text = cursor.match(form.bare);
  if (text === '') throw unexpectedText(form.name);
  return text === 'NULL' ? nullFragment : form.element(text);
}

/** int2vector and oidvector: `1 2 3` → `[1,2,3]`. */
export function vectorEncoder(element: FragmentEncoder): FragmentEncoder {
  return (text) => (text === '' ? '[]' : `[${text.split(' ').map(element).join(',')}]`);
}

const bareAttribute = /[^"\\(),]*/y;

/** `(1,,"a ""b""")` → `{"x":1,"y":null,"z":"a \"b\""}`. */
export function compositeEncoder(
  type: CompositeType,
  encoders: readonly FragmentEncoder[],
): FragmentEncoder {
  const attributes = type.attributes.map((attribute, index) => ({
    key: `${index === 0 ? '' : ','}${JSON.stringify(attribute.name)}:`,
    encode: encoders[index] ?? encodeString,
  }));
  return (text) => {
    const cursor = new TextCursor(text);
    if (!cursor.skip('(')) throw unexpectedText(type.name);
    let json = '{';
    for (let index = 0; index < attributes.length; index++) {
      const { key, encode } = attributes[index] as (typeof attributes)[number];
      if (index > 0 && !cursor.skip(',')) throw arity(type);
      json += key + encodeAttribute(cursor, encode, type);
    }
    if (!cursor.skip(')')) throw arity(type);
    if (!cursor.atEnd) throw unexpectedText(type.name);
    return `${json}}`;
  };
}

function encodeAttribute(cursor: TextCursor, encode: FragmentEncoder, type: CompositeType): string {
  if (cursor.atQuote) {
    const text = cursor.quoted(true);
    if (text === null) throw unexpectedText(type.name);
    return encode(text);
  }
  const text = cursor.match(bareAttribute);
  return text === '' ? nullFragment : encode(text);
}

/** `"a"=>"1", "b"=>NULL` → `{"a":"1","b":null}`. */
export function hstoreEncoder(name: string): FragmentEncoder {
  return (text) => {
    if (text === '') return '{}';
    const cursor = new TextCursor(text);
    let json = '{';
    do {
      const key = hstoreString(cursor, name);
      if (!cursor.skip('=>')) throw unexpectedText(name);
      const value = cursor.skip('NULL') ? nullFragment : hstoreString(cursor, name);
      json += `${json === '{' ? '' : ','}${key}:${value}`;
    } while (cursor.skip(', '));
    if (!cursor.atEnd) throw unexpectedText(name);
    return `${json}}`;
  };
}

function hstoreString(cursor: TextCursor, name: string): string {
  const text = cursor.atQuote ? cursor.quoted(false) : null;
  if (text === null) throw unexpectedText(name);
  return encodeString(text);
}

function arity(type: CompositeType): WatcherError {
  return new WatcherError('unsupported_value', {
    message: `A value of the composite type ${type.name} does not have ${type.attributes.length} attributes`,
    remedy:
      'The type was altered. POST /v1/syncs/{name}/dump copies the tables anew, with the type as it is now.',
  });
}

function boundsInKey(name: string): WatcherError {
  return new WatcherError('unsupported_value', {
    message: `An array in a key column has lower bounds other than 1, which JSON cannot hold (${name})`,
    remedy: 'Use another key (keys.columns), or arrays that start at 1.',
  });
}
