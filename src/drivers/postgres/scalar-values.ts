/** Encoders of values that are one JSON scalar, and of json itself. They refuse what the server would not write. */
import { WatcherError } from '../../errors.ts';
import type { Fragment } from '../../replication/change.ts';

/** The text form of a value that is not NULL → the text of its JSON value. */
export type FragmentEncoder = (text: string) => Fragment;

export const nullFragment: Fragment = 'null';

// Twice as fast as JSON.stringify for strings that need no escape, which nearly all are.
const needsEscape = /["\\\u0000-\u001f]/;

export function encodeString(text: string): Fragment {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

const jsonNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/** The digits of the server, never those of a JavaScript number. */
export function encodeNumber(text: string): Fragment {
  return jsonNumber.test(text) ? text : encodeNotFinite(text);
}

/** With `values.numbers: string`. */
export function encodeNumberString(text: string): Fragment {
  return jsonNumber.test(text) ? `"${text}"` : encodeNotFinite(text);
}

function encodeNotFinite(text: string): Fragment {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return `"${text}"`;
  throw unexpectedText('number');
}

export function encodeBool(text: string): Fragment {
  if (text === 't') return 'true';
  if (text === 'f') return 'false';
  throw unexpectedText('boolean');
}

const byteaPrefix = '\\x';

export function encodeBytea(text: string): Fragment {
  if (!text.startsWith(byteaPrefix) || needsEscape.test(text.substring(2))) {
    throw unexpectedText('bytea (bytea_output must be hex)');
  }
  return `"\\${text}"`;
}

/** Embedded verbatim: whitespace, the order of members, duplicates and all digits stay. */
export function encodeJson(text: string): Fragment {
  if (text === '') throw unexpectedText('json');
  return text;
}

const usualTimestamp = /^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?$/;
const anyTimestamp = /^([0-9]{4,}-[0-9]{2}-[0-9]{2}) ([0-9:.]+)( BC)?$/;

/** `2020-01-01 10:00:00.5` → `"2020-01-01T10:00:00.5"`. */
export function encodeTimestamp(text: string): Fragment {
  if (usualTimestamp.test(text)) return `"${text.substring(0, 10)}T${text.substring(11)}"`;
  const match = anyTimestamp.exec(text);
  if (match === null) return encodeInfinity(text);
  return `"${match[1]}T${match[2]}${match[3] ?? ''}"`;
}

const usualTimestamptz = /^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?\+00$/;
const anyTimestamptz = /^([0-9]{4,}-[0-9]{2}-[0-9]{2}) ([0-9:.]+)\+00( BC)?$/;

/** `2020-01-01 10:00:00.5+00` → `"2020-01-01T10:00:00.5+00:00"`. */
export function encodeTimestamptz(text: string): Fragment {
  if (usualTimestamptz.test(text)) return `"${text.substring(0, 10)}T${text.substring(11)}:00"`;
  const match = anyTimestamptz.exec(text);
  if (match === null) return encodeInfinity(text);
  return `"${match[1]}T${match[2]}+00:00${match[3] ?? ''}"`;
}

function encodeInfinity(text: string): Fragment {
  if (text === 'infinity' || text === '-infinity') return `"${text}"`;
  throw unexpectedText('timestamp (DateStyle must be ISO, and TimeZone UTC)');
}

const dateText = /^(?:[0-9]{4,}-[0-9]{2}-[0-9]{2}(?: BC)?|-?infinity)$/;

export function encodeDate(text: string): Fragment {
  if (dateText.test(text)) return `"${text}"`;
  throw unexpectedText('date (DateStyle must be ISO)');
}

export function unexpectedText(type: string): WatcherError {
  return new WatcherError('unsupported_value', {
    message: `A value does not have the text form of its type: ${type}`,
  });
}
