/** `Driver` for PostgreSQL: wires its parts together. */
import type { Driver } from '../../replication/driver.ts';
import { lsnOf } from './lsn.ts';
import type { PostgresDriverOptions } from './options.ts';
import { PostgresSession } from './session.ts';
import { snapshotContains } from './snapshot-mark.ts';

export type { Logger, PostgresDriverOptions } from './options.ts';

/** One attempt's driver: connections are made by `check` and `prepare`, and ended by `close`. */
export function createPostgresDriver(options: PostgresDriverOptions): Driver {
  const session = new PostgresSession(options);
  return {
    check: (signal) => session.check(signal),
    // The slot knows.
    probe: (_durable, signal) => session.probe(signal),
    prepare: (resume, signal) => session.prepare(resume, signal),
    dump: (signal) => session.dump(signal),
    redump: (tableIds, signal) => session.redump(tableIds, signal),
    stream: (from, signal) => session.stream(from, signal),
    acknowledge: (position) => session.acknowledge(position),
    contains: (mark, transaction) => snapshotContains(mark.snapshot, Number(transaction.xid)),
    isPassed: (mark, position) => lsnOf(position) >= lsnOf(mark.until),
    compare(a, b) {
      const difference = lsnOf(a) - lsnOf(b);
      return difference < 0n ? -1 : difference > 0n ? 1 : 0;
    },
    lagBytes(source, position) {
      const lag = lsnOf(source) - lsnOf(position);
      return lag > 0n ? Number(lag) : 0;
    },
    status: () => session.status(),
    drop: (parts, dryRun, signal) => session.drop(parts, dryRun, signal),
    close: () => session.close(),
  };
}
