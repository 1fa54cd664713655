/** `Driver` for MySQL and MariaDB: wires its parts together. */
import type { Driver } from '../../replication/driver.ts';
import type { StreamBinlog } from './log-access.ts';
import type { MysqlDriverOptions } from './options.ts';
import { MysqlSession } from './session.ts';
import { isPassed, snapshotContains } from './snapshot-mark.ts';

export type { Logger, MysqlDriverOptions } from './options.ts';
export { autoServerId, installationName } from './options.ts';

const nothingLeft = 'MySQL and MariaDB have none: a reader of the binary log leaves nothing there';

/** One attempt's driver: connections are made by `check` and `prepare`, and ended by `close`. */
export function createMysqlDriver(options: MysqlDriverOptions, streamBinlog: StreamBinlog): Driver {
  const session = new MysqlSession(options, streamBinlog);
  return {
    check: (signal) => session.check(signal),
    probe: (durable, signal) => session.probe(durable, signal),
    prepare: (resume, signal) => session.prepare(resume, signal),
    dump: (signal) => session.dump(signal),
    redump: (tableIds, signal) => session.redump(tableIds, signal),
    stream: (from, signal, staged) => session.stream(from, signal, staged),
    acknowledge: (position) => session.acknowledge(position),
    contains: (mark, transaction) => snapshotContains(mark.snapshot, transaction, session.server),
    isPassed: (mark, position) => isPassed(mark, position, session.server),
    compare: (a, b) => session.compare(a, b),
    lagBytes: (source, position) => session.lagBytes(source, position),
    status: () => session.status(),
    // A reader of the binlog leaves nothing at the server.
    drop: async (parts) => parts.map((part) => ({ part, name: part, kept: nothingLeft })),
    close: () => session.close(),
  };
}
