/** Who else reads the log of the server. */
import { WatcherError } from '../../errors.ts';
import type { Row, SourceConnection } from './connection.ts';
import { isDenied } from './errors.ts';
import { replicaHost } from './log-commands.ts';
import type { ServerFacts } from './server-facts.ts';

/**
 * A server ends the older of two readers with one server id. If that is a connection of our own past, so be it; a
 * replica of somebody else must not be ended.
 * @param name as which this reader registers itself.
 * @throws WatcherError `server_id_clash`.
 */
export async function assertIdIsFree(
  connection: SourceConnection,
  facts: Pick<ServerFacts, 'flavour' | 'version'>,
  serverId: number,
  name: string,
): Promise<void> {
  const other = (await registeredReplicas(connection, facts)).find(
    (row) => Number(row.Server_Id ?? row.Server_id) === serverId && row.Host !== replicaHost(name),
  );
  if (other === undefined) return;
  throw new WatcherError('server_id_clash', {
    message: `Another reader, which calls itself "${other.Host ?? ''}", has the server id ${serverId} at this server`,
    remedy: `Set mysql.server_id to a number that no server and no reader has: ${replicasStatement(facts)}; lists those of the readers.`,
  });
}

async function registeredReplicas(
  connection: SourceConnection,
  facts: Pick<ServerFacts, 'flavour' | 'version'>,
): Promise<readonly Row[]> {
  try {
    return await connection.query(replicasStatement(facts));
  } catch (error) {
    // MariaDB asks for another privilege than that of reading the log.
    if (isDenied(error)) return [];
    throw error;
  }
}

function replicasStatement({ flavour, version }: Pick<ServerFacts, 'flavour' | 'version'>): string {
  return flavour === 'mysql' && version >= 80022 ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS';
}
