/** The stream: the log is read, its events become transactions, and statements change what is known of the tables. */
import { Assembler } from './assemble.ts';
import type { StreamBinlog } from './log-access.ts';
import { readLog } from './log-reader.ts';
import { createLogTables } from './log-tables.ts';
import type { Assembled, Messages } from './outlet.ts';
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
  const log = readLog({ target, facts, serverId, logger }, mysqlPosition(from.position), signal);
  for await (const batch of log) {
    for (const event of batch) {
      const assembled = assembler.handle(event, signal);
      // `yield*` of an array would wait for each message twice.
      if (isReady(assembled)) for (const message of assembled) yield message;
      else yield* assembled;
    }
  }
};

function isReady(assembled: Assembled): assembled is Messages {
  return Array.isArray(assembled);
}
