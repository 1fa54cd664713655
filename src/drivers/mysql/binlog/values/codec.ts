/**
 * How the values of a column are read: made once per table map, called for every value that is not NULL.
 */
import type { Fragment } from '../../../../replication/change.ts';
import type { ByteReader } from '../reader.ts';
import type { AddressKind } from './binary.ts';

/** Reads one value, and stands behind it. */
export type FragmentReader = (reader: ByteReader) => Fragment;

/** What the log may not say of a column; from information_schema, or from a table map with full metadata. */
export interface ColumnHints {
  readonly unsigned?: boolean;
  /** CHARACTER_SET_NAME; 'binary' for none. Of text, and of the members of ENUM and SET. */
  readonly charset?: string;
  /** Labels of ENUM and SET. */
  readonly members?: readonly string[];
  /**
   * Fraction digits of TIME, DATETIME and TIMESTAMP. Only MariaDB with mysql56_temporal_format=OFF needs it: the
   * table map does not tell its columns with a fraction, which are refused, from those without.
   */
  readonly digits?: number;
  /** MariaDB's UUID, INET4 and INET6, which every table map shows as BINARY. */
  readonly address?: AddressKind;
}

export interface CodecOptions {
  /** `string`: 64-bit integers and decimals are JSON strings (SPEC §6). */
  readonly numbers: 'number' | 'string';
}
