/** Reads tables anew while the stream runs (DESIGN §3 rule 7), always natively and on one connection. */
import type { Redump } from '../../replication/driver.ts';
import type { DumpRequest, StartedDump } from './dump.ts';
import { startDump } from './dump.ts';
import { toSourceTable } from './relation.ts';
import { serverOf } from './server.ts';
import { markOf } from './snapshot-mark.ts';

export async function startRedump(
  request: Pick<DumpRequest, 'context' | 'streamBinlog' | 'signal'>,
  tableIds: readonly string[],
): Promise<{ readonly redump: Redump; readonly started: StartedDump }> {
  const ids = new Set(tableIds);
  const started = await startDump({
    ...request,
    ids,
    connections: 1,
    method: 'native',
  });
  const { tables, chunks, position } = started;
  const server = serverOf(request.context.facts);
  const mark = { snapshot: markOf(position, server), until: position };
  return { started, redump: { tables: tables.map(toSourceTable), chunks, mark } };
}
