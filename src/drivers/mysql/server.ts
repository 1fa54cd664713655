/**
 * Which server a place in the log is of. Files and offsets mean nothing on another one, and on MariaDB they are all that
 * is exact on the same one: without gtid_strict_mode, which is off by default, sequence numbers are in no order there
 * (`SET gtid_seq_no`, replayed logs, several sources in one domain).
 */
import { WatcherError } from '../../errors.ts';
import type { SourceIdentity } from '../../replication/driver.ts';
import type { Position } from '../../replication/position.ts';
import type { SourceConnection } from './connection.ts';
import type { MysqlIdentity } from './continuity.ts';
import { isGaleraNode } from './replica-role.ts';
import type { ServerFacts } from './server-facts.ts';

type Server = Pick<ServerFacts, 'variables'>;

/** The nodes of a Galera cluster may have one server_id. */
function namesOf(server: Server): readonly string[] {
  if (server.variables.has('server_uuid')) return ['server_uuid'];
  return isGaleraNode(server) ? ['server_id', 'wsrep_node_name'] : ['server_id'];
}

/** What no other server of the replication has: server_uuid; MariaDB has none. */
export function serverOf(server: Server): string {
  const uuid = server.variables.get('server_uuid');
  if (uuid !== undefined) return uuid;
  return namesOf(server)
    .map((name) => `${name} ${server.variables.get(name)}`)
    .join(', ');
}

/**
 * A new connection may lead elsewhere, when the address has moved since the facts were read.
 * @throws WatcherError `source_unavailable`: the next attempt begins with that server.
 */
export async function assertServer(connection: SourceConnection, facts: Server): Promise<void> {
  const names = namesOf(facts);
  const list = names.map((name) => `@@GLOBAL.${name} AS ${name}`).join(', ');
  const [row] = await connection.query(`SELECT ${list}`);
  if (names.every((name) => row?.[name] === facts.variables.get(name))) return;
  const { host, port } = connection.context;
  throw new WatcherError('source_unavailable', {
    message: `${host}:${port} leads to another server than a moment ago, which was ${serverOf(facts)}`,
    remedy: 'None needed: the sync goes on with that server.',
  });
}

/** Whether the file and offset of a checkpoint are those of this server. */
export function isOfServer(
  { position, identity }: { readonly position: Position; readonly identity: SourceIdentity },
  server: string,
): boolean {
  const { server: then, foreign } = identity as Partial<MysqlIdentity>;
  if (then !== undefined && then !== server) return false;
  return foreign === undefined || !isSame(foreign, position);
}

export function isSame(a: Position, b: Position): boolean {
  return (
    a.kind === 'mysql' &&
    b.kind === 'mysql' &&
    a.gtid === b.gtid &&
    a.file === b.file &&
    a.offset === b.offset
  );
}
