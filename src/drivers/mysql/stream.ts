/** The stream: the log is read, its events become transactions, and statements change what is known of the tables. */

import type { StreamBatch, StreamMessage } from '../../replication/change.ts';
import type { ResumePoint } from '../../replication/driver.ts';
import type { MysqlPosition } from '../../replication/position.ts';
import { Assembler } from './assemble.ts';
import type { LogContext, StreamBinlog } from './log-access.ts';
import type { LogEvent } from './log-event.ts';
import { readLogFiles } from './log-place.ts';
import { readLog } from './log-reader.ts';
import { createLogTables } from './log-tables.ts';
import type { Assembled, Messages } from './outlet.ts';
import { isOfServer, serverOf } from './server.ts';
import { mysqlPosition } from './snapshot-mark.ts';
import { classify } from './statement.ts';

export const streamBinlog: StreamBinlog = async function* streamBinlog(
  context,
  from,
  signal,
  staged,
) {
  const { options, target, facts } = context;
  const tables = createLogTables(context);
  const assembler = new Assembler({ from, facts, tables, classify, staged });
  const { serverId, logger } = options;
  const place = await startOf(context, from);
  const log = readLog({ target, facts, serverId, logger }, place, signal);
  for await (const events of log) yield* assembled(events, assembler, signal);
};

/** What comes of the events of a batch. What is before an event that cannot be read is handed out first. */
export async function* assembled(
  events: readonly LogEvent[],
  assembler: Assembler,
  signal: AbortSignal,
): AsyncGenerator<StreamBatch> {
  let ready: StreamMessage[] = [];
  try {
    for (const event of events) {
      const found = assembler.handle(event, signal);
      if (isReady(found)) {
        for (const message of found) ready.push(message);
        continue;
      }
      // It may look at what became of the messages before.
      if (ready.length > 0) yield ready;
      ready = [];
      for await (const message of found) yield [message];
    }
  } catch (error) {
    if (ready.length > 0) yield ready;
    throw error;
  }
  if (ready.length > 0) yield ready;
}

/**
 * How the server is asked for its log: by GTIDs where it has them; at a MariaDB that the position is of, by file and
 * offset, while it has the file (server.ts).
 */
async function startOf(context: LogContext, from: ResumePoint): Promise<MysqlPosition> {
  const position = mysqlPosition(from.position);
  const { facts, control } = context;
  if (facts.flavour !== 'mariadb' || !isOfServer(from, serverOf(facts))) return position;
  const files = await control.exclusive(readLogFiles);
  return files.some(({ name }) => name === position.file) ? { ...position, gtid: null } : position;
}

function isReady(assembled: Assembled): assembled is Messages {
  return Array.isArray(assembled);
}
