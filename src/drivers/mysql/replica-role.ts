/** Whether a server has changes that it took from another one, and whether it logs them. */
import type { SourceConnection } from './connection.ts';
import { isDenied } from './errors.ts';

/** `unseen`: it has been one, and the account may not see whether it still is. */
export type ReplicaRole = 'replica' | 'none' | 'unseen';

interface Server {
  readonly flavour: 'mysql' | 'mariadb';
  readonly version: number;
  readonly variables: ReadonlyMap<string, string>;
}

/** The variable; its name from MySQL 8.0.26 on is another. */
export function replicaUpdatesName({ variables }: Pick<Server, 'variables'>): string {
  return variables.has('log_replica_updates') ? 'log_replica_updates' : 'log_slave_updates';
}

/** What it takes from others is in its own log. */
export function logsReplicated(server: Pick<Server, 'variables'>): boolean {
  const value = server.variables.get(replicaUpdatesName(server));
  return value === undefined || value === 'ON';
}

/** A node of a Galera cluster: it applies what the other nodes commit. */
export function isGaleraNode({ variables }: Pick<Server, 'variables'>): boolean {
  return variables.get('wsrep_on') === 'ON' && (variables.get('wsrep_provider') ?? '') !== 'none';
}

/** Asked only where it matters: where what is replicated would not be logged. */
export async function readReplicaRole(
  connection: SourceConnection,
  server: Server,
): Promise<ReplicaRole> {
  if (logsReplicated(server)) return 'none';
  if (isGaleraNode(server)) return 'replica';
  try {
    const channels = await connection.query(replicaStatement(server));
    return channels.length > 0 ? 'replica' : 'none';
  } catch (error) {
    if (!isDenied(error)) throw error;
    return byTraces(connection, server);
  }
}

function replicaStatement({ flavour, version }: Server): string {
  if (flavour === 'mariadb') return 'SHOW ALL SLAVES STATUS';
  return version >= 80022 ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS';
}

/**
 * MariaDB 10.5 and later show the status with SLAVE MONITOR only, which nothing else here needs. Anybody may see whether a
 * replica runs, and whether one has ever run.
 */
async function byTraces(connection: SourceConnection, { flavour }: Server): Promise<ReplicaRole> {
  if (flavour !== 'mariadb') return 'unseen';
  const [running] = await connection.query("SHOW GLOBAL STATUS LIKE 'Slaves_running'");
  if (Number(running?.Value ?? 0) > 0) return 'replica';
  const [row] = await connection.query('SELECT @@GLOBAL.gtid_slave_pos AS gtid');
  return (row?.gtid ?? '') === '' ? 'none' : 'unseen';
}
