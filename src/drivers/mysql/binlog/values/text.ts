/** Character types, ENUM and SET. */
import type { Fragment } from '../../../../replication/change.ts';
import { type ByteReader, malformed, unsupportedValue } from '../reader.ts';
import { type TextReader, utf8Reader } from './charset.ts';
import type { FragmentReader } from './codec.ts';

// Twice as fast as JSON.stringify for strings that need no escape, which nearly all are.
const needsEscape = /["\\\u0000-\u001f]/;

export function quote(text: string): Fragment {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** `lengthBytes`: of the length before the text. */
export function characterReader(lengthBytes: number, text: TextReader): FragmentReader {
  if (text === utf8Reader) return (reader) => reader.quotedText(reader.uint(lengthBytes));
  return (reader) => quote(text(reader, reader.uint(lengthBytes)));
}

/** `bytes`: 1 or 2, the number of the member. 0 is the invalid member, '' . */
export function enumReader(bytes: number, members: readonly string[]): FragmentReader {
  const fragments = ['""', ...members.map(quote)];
  return (reader) => {
    const fragment = fragments[reader.uint(bytes)];
    if (fragment === undefined) throw unsupportedValue('an ENUM member that is not in its list');
    return fragment;
  };
}

/** `bytes`: 1, 2, 3, 4 or 8; bit i is member i. */
export function setReader(bytes: number, members: readonly string[]): FragmentReader {
  return (reader) => {
    const bits = readBits(reader, bytes);
    if (bits >> BigInt(members.length) !== 0n) {
      throw unsupportedValue('a SET member that is not in its list');
    }
    return quote(joinLabels(members.filter((_, index) => ((bits >> BigInt(index)) & 1n) === 1n)));
  };
}

/** As the server does: no comma before there is any text, so an empty label that comes first is not seen. */
function joinLabels(labels: readonly string[]): string {
  return labels.reduce((text, label) => (text === '' ? label : `${text},${label}`), '');
}

function readBits(reader: ByteReader, bytes: number): bigint {
  if (bytes === 8) return reader.uint64();
  if (bytes < 1 || bytes > 4) throw malformed(`SET of ${bytes} bytes`);
  return BigInt(reader.uint(bytes));
}
