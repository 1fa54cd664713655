/** Method `log` of snapshot.ts: without a lock; why it is exact stands in catch-up.ts. */
import { WatcherError } from '../../errors.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import type { CatchUp, Unsettled } from './catch-up.ts';
import { catchUp } from './catch-up.ts';
import type { SourceConnection } from './connection.ts';
import type { LogContext } from './log-access.ts';
import { comparePlaces, readExecutedGtids, readLogEnd } from './log-place.ts';
import { MemoryStaging } from './memory-staging.ts';
import type { Logger } from './options.ts';
import { secondServerId } from './options.ts';
import type { Snapshot, SnapshotRequest } from './snapshot.ts';
import { beginSnapshot, Group, lockPlain, required } from './snapshot-readers.ts';
import { prepared, refusePrepared } from './xa.ts';

/** Snapshots of method `log` are taken again, so often. */
const catchUpAttempts = 10;

/**
 * What is prepared when a first dump begins is asked behind G0, so
 * that the log tells of all that is prepared later.
 * @returns null when each time something was committed that is not known, or tables were altered
 */
export function withCatchUp(request: SnapshotRequest): Promise<Snapshot | null> {
  const { context, besideStream } = request;
  const group = new Group(request);
  return group.or(async () => {
    const readers = await group.readers();
    const locker = await lockPlain(group, request);
    const [first] = readers as readonly [SourceConnection, ...SourceConnection[]];
    let from = await readStart(first, context);
    if (!besideStream) await refusePrepared(first, context.facts);
    for (let attempt = 0; attempt < catchUpAttempts; attempt += 1) {
      const overlay = await settleOnce(request, readers, from);
      if (overlay === 'altered') from = await readStart(first, context);
      if (typeof overlay === 'string') continue;
      return {
        method: 'log',
        connections: readers,
        locker,
        position: overlay.position,
        occupied: null,
        settle: (chunks) => overlay.apply(chunks),
      };
    }
    group.end();
    return null;
  });
}

async function readStart(
  connection: SourceConnection,
  { facts }: LogContext,
): Promise<MysqlPosition> {
  const { file, offset } = required(await readLogEnd(connection, facts));
  return { kind: 'mysql', gtid: await readExecutedGtids(connection), file, offset };
}

async function settleOnce(
  request: SnapshotRequest,
  readers: readonly SourceConnection[],
  from: MysqlPosition,
): Promise<CatchUp | Unsettled> {
  const { context, streamBinlog, tables, signal } = request;
  const [first] = readers as readonly [SourceConnection, ...SourceConnection[]];
  const contained = await readExecutedGtids(first);
  await Promise.all(readers.map((reader) => reader.query(beginSnapshot)));
  const until = required(await readLogEnd(first, context.facts));
  if (comparePlaces(until, from) < 0) throw new WatcherError('source_replaced');
  const staging = new MemoryStaging();
  const resume = { position: from, identity: {}, partial: null };
  const log = streamBinlog(ownReader(context), resume, signal, staging);
  const ids = new Set(tables.map(({ id }) => id));
  const overlay = await catchUp({ log, from, contained, until, ids, staging });
  if (!request.besideStream && staging.undecided.length > 0) throw prepared(staging.undecided);
  return overlay;
}

/**
 * The server ends the older of two readers with one id, and the stream may be running. What it warns of is dealt with here.
 */
function ownReader(context: LogContext): LogContext {
  const { options } = context;
  const { logger, serverId } = options;
  const quiet: Logger = {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.debug(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
  return { ...context, options: { ...options, logger: quiet, serverId: secondServerId(serverId) } };
}
