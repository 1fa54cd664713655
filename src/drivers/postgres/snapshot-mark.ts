/**
 * Which transactions a snapshot contains. Pure.
 * Source: PostgreSQL documentation, "Transaction ID and Snapshot Information Functions": `xmin:xmax:xip,…`, with
 * 64-bit ids of top-level transactions; the log has the low 32 bits of them.
 */

interface Snapshot {
  /** Everything below is over. */
  readonly xmin: bigint;
  /** Everything from here on had not begun. */
  readonly xmax: bigint;
  /** In progress, between the two. */
  readonly running: ReadonlySet<bigint>;
}

/**
 * Whether the effects of a transaction that has committed are in the snapshot.
 * @param mark text of pg_current_snapshot() or txid_current_snapshot()
 * @param xid 32 bits, as in Begin
 * @throws RangeError when the mark is not a snapshot.
 */
export function snapshotContains(mark: string, xid: number): boolean {
  const snapshot = parseSnapshot(mark);
  const full = widen(xid, snapshot.xmax);
  if (full < snapshot.xmin) return true;
  return full < snapshot.xmax && !snapshot.running.has(full);
}

/** The 64-bit id with these low 32 bits that is nearest to `near`: ids in use are less than 2^31 apart. */
function widen(xid: number, near: bigint): bigint {
  const distance = BigInt.asIntN(32, BigInt(xid) - near);
  return near + distance;
}

let lastMark = '';
let lastSnapshot: Snapshot | null = null;

/** The same mark is asked for again and again, for each transaction until the stream has passed it. */
function parseSnapshot(mark: string): Snapshot {
  if (lastSnapshot !== null && mark === lastMark) return lastSnapshot;
  const match = /^([0-9]+):([0-9]+):([0-9,]*)$/.exec(mark);
  if (match === null) throw new RangeError(`not a snapshot: ${mark}`);
  const running = (match[3] ?? '').split(',').filter((text) => text !== '');
  lastSnapshot = {
    xmin: BigInt(match[1] ?? ''),
    xmax: BigInt(match[2] ?? ''),
    running: new Set(running.map(BigInt)),
  };
  lastMark = mark;
  return lastSnapshot;
}
