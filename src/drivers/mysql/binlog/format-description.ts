/**
 * FORMAT_DESCRIPTION_EVENT: who wrote the file, and how. Its last five bytes are the checksum algorithm of the
 * events that follow and its own CRC32, which is there whatever the algorithm says.
 */
import type { ChecksumAlgorithm } from './header.ts';
import { headerBytes } from './header.ts';
import { type ByteReader, malformed } from './reader.ts';

export interface FormatDescription {
  readonly type: 'format_description';
  readonly serverVersion: string;
  readonly mariadb: boolean;
  /** Seconds since 1970: when the server started; 0 in a file that was rotated to. */
  readonly createdAt: number;
  /** Of the events that follow. */
  readonly checksum: ChecksumAlgorithm;
  /** By event type − 1. */
  readonly postHeaderBytes: Buffer;
}

const serverVersionBytes = 50;

/** `reader` stands after the common header and ends before the checksum. */
export function parseFormatDescription(reader: ByteReader): FormatDescription {
  const version = reader.uint16();
  if (version !== 4) throw malformed(`binlog version ${version}`);
  const name = reader.view(serverVersionBytes).toString('latin1');
  const zero = name.indexOf('\0');
  const serverVersion = zero === -1 ? name : name.slice(0, zero);
  const createdAt = reader.uint32();
  const commonHeaderBytes = reader.uint8();
  if (commonHeaderBytes !== headerBytes) throw malformed('a common header of another length');
  if (reader.remaining < 1) throw malformed('a server before MySQL 5.6.1 or MariaDB 5.3');
  const postHeaderBytes = reader.view(reader.remaining - 1);
  const checksum = checksumAlgorithm(reader.uint8());
  const mariadb = /mariadb/i.test(serverVersion);
  const type = 'format_description';
  return { type, serverVersion, mariadb, createdAt, checksum, postHeaderBytes };
}

function checksumAlgorithm(code: number): ChecksumAlgorithm {
  if (code === 0) return 'none';
  if (code === 1) return 'crc32';
  throw malformed(`checksum algorithm ${code}`);
}
