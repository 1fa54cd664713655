/**
 * A position is a value: everything in the source's log up to here is done; go on after it.
 * For PostgreSQL it is the *end* LSN of a commit (or the WAL end of a keepalive), never LSN + 1.
 */
export type Position = PostgresPosition | MysqlPosition;

export interface PostgresPosition {
  readonly kind: 'postgres';
  readonly lsn: bigint;
}

export interface MysqlPosition {
  readonly kind: 'mysql';
  readonly gtid: string | null;
  readonly file: string;
  readonly offset: number;
}

/** As the API shows a position, and as the checkpoint stores it. */
export type PositionJson =
  | { readonly lsn: string }
  | { readonly gtid: string | null; readonly file: string; readonly offset: number };

/** `16/B374D848`: the high and the low 32 bits, in upper-case hexadecimal. Source: pg_lsn. */
export function formatLsn(lsn: bigint): string {
  const high = (lsn >> 32n).toString(16).toUpperCase();
  const low = (lsn & 0xffffffffn).toString(16).toUpperCase();
  return `${high}/${low}`;
}

const lsnPattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** @throws RangeError when the text is not an LSN. */
export function parseLsn(text: string): bigint {
  const match = lsnPattern.exec(text);
  if (match === null) throw new RangeError(`not an LSN: ${text}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function positionToJson(position: Position): PositionJson {
  switch (position.kind) {
    case 'postgres':
      return { lsn: formatLsn(position.lsn) };
    case 'mysql':
      return { gtid: position.gtid, file: position.file, offset: position.offset };
    default:
      return position satisfies never;
  }
}

/** @throws RangeError when the JSON is not a position. */
export function positionFromJson(json: PositionJson): Position {
  if ('lsn' in json) return { kind: 'postgres', lsn: parseLsn(json.lsn) };
  return { kind: 'mysql', gtid: json.gtid, file: json.file, offset: json.offset };
}
