/** MariaDB's COMPRESSED columns: each value is compressed by itself. An empty value stays empty. */
import { inflateColumn } from '../inflate.ts';
import { ByteReader } from '../reader.ts';
import type { TextReader } from './charset.ts';
import type { FragmentReader } from './codec.ts';
import { quote } from './text.ts';

/** `text` null: the column is binary. */
export function compressedReader(lengthBytes: number, text: TextReader | null): FragmentReader {
  return (reader) => {
    const packed = reader.view(reader.uint(lengthBytes));
    const bytes = packed.length === 0 ? packed : inflateColumn(packed);
    if (text === null) return `"${bytes.toString('base64')}"`;
    return quote(text(new ByteReader(bytes), bytes.length));
  };
}
