/** What the server and the account are. */
import type { SourceConnection } from './connection.ts';
import { isDenied } from './errors.ts';
import type { LogEnd } from './log-place.ts';
import { readLogEnd } from './log-place.ts';
import type { ReplicaRole } from './replica-role.ts';
import { readReplicaRole } from './replica-role.ts';

export type Flavour = 'mysql' | 'mariadb';

export interface ServerFacts {
  readonly flavour: Flavour;
  /** As PostgreSQL counts: 9.7.4 is 90704, 10.11.6 is 101106. */
  readonly version: number;
  readonly versionText: string;
  /** Global variables, names in lower case. */
  readonly variables: ReadonlyMap<string, string>;
  /** `user@host` that the server has matched. */
  readonly account: string;
  /** GTIDs identify every transaction: gtid_mode = ON, or MariaDB. */
  readonly gtids: boolean;
  /** Whether the account may see where the log ends, and the end; null: the server writes no log. */
  readonly logEnd: LogEnd | null;
  readonly mayMonitor: boolean;
  /** What the account was granted on `*.*`, as far as the server tells; upper case. */
  readonly grants: ReadonlySet<string>;
  /** LOCK TABLES was granted on some database at least. */
  readonly mayLock: boolean;
  /** Of a server that does not log what it replicates; `none` for all others. */
  readonly replicaRole: ReplicaRole;
}

export async function readServerFacts(connection: SourceConnection): Promise<ServerFacts> {
  const [row] = await connection.query('SELECT VERSION() AS version, CURRENT_USER() AS account');
  const versionText = row?.version ?? '';
  const flavour: Flavour = /mariadb/i.test(versionText) ? 'mariadb' : 'mysql';
  const version = versionNumber(versionText);
  const variables = await readVariables(connection);
  const gtids = flavour === 'mariadb' || variables.get('gtid_mode') === 'ON';
  const { logEnd, mayMonitor } = await tryLogEnd(connection, { flavour, version, gtids });
  const lines = await readGrants(connection);
  const replicaRole = await readReplicaRole(connection, { flavour, version, variables });
  const grants = parseGlobalGrants(lines);
  const account = row?.account ?? '';
  return {
    flavour,
    version,
    versionText,
    variables,
    account,
    gtids,
    logEnd,
    mayMonitor,
    grants,
    replicaRole,
    mayLock: lines.some((line) =>
      /^GRANT (?:.*\b)?(?:LOCK TABLES|ALL PRIVILEGES)\b.* ON /.test(line),
    ),
  };
}

export function versionNumber(text: string): number {
  const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}

/** ON, 1 or TRUE. */
export function isOn(facts: Pick<ServerFacts, 'variables'>, name: string): boolean {
  return ['ON', '1', 'TRUE'].includes((facts.variables.get(name) ?? '').toUpperCase());
}

/** Cascades of foreign keys are in the log: MySQL 9.6 and later, while InnoDB leaves them to the server. */
export function logsCascades({ flavour, version, variables }: ServerFacts): boolean {
  if (flavour === 'mariadb' || version < 90600) return false;
  return variables.get('innodb_native_foreign_keys') === 'OFF';
}

async function readVariables(connection: SourceConnection): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query('SHOW GLOBAL VARIABLES');
  return new Map(
    rows.map((row) => [(row.Variable_name ?? '').toLowerCase(), row.Value ?? ''] as const),
  );
}

async function tryLogEnd(
  connection: SourceConnection,
  server: Pick<ServerFacts, 'flavour' | 'version' | 'gtids'>,
): Promise<Pick<ServerFacts, 'logEnd' | 'mayMonitor'>> {
  try {
    return { logEnd: await readLogEnd(connection, server), mayMonitor: true };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return { logEnd: null, mayMonitor: false };
  }
}

/** Active roles included. Dynamic privileges (FLUSH_TABLES) stand in the same lines. */
async function readGrants(connection: SourceConnection): Promise<readonly string[]> {
  const rows = await connection.query('SHOW GRANTS');
  const lines = rows.flatMap((row) => Object.values(row)).map((line) => line ?? '');
  const roles = lines.flatMap((line) => grantedRoles(line));
  if (roles.length > 0) {
    try {
      const using = await connection.query(
        `SHOW GRANTS FOR CURRENT_USER() USING ${roles.join(', ')}`,
      );
      lines.push(...using.flatMap((row) => Object.values(row)).map((line) => line ?? ''));
    } catch {
      // Roles that are granted but not active, or MariaDB, which lists what the active role has by itself.
    }
  }
  return lines;
}

/** `GRANT `role`@`%` TO …`: MySQL's form of a granted role. */
function grantedRoles(line: string): readonly string[] {
  const match = /^GRANT ((?:`[^`]*`@`[^`]*`,?)+) TO /.exec(line);
  return match?.[1] === undefined ? [] : match[1].split(/,(?=`)/);
}

/** Pure. @param lines of SHOW GRANTS */
export function parseGlobalGrants(lines: readonly string[]): ReadonlySet<string> {
  const grants = new Set<string>();
  for (const line of lines) {
    const match = /^GRANT (.+?) ON \*\.\* TO /.exec(line);
    for (const grant of match?.[1]?.split(',') ?? []) grants.add(grant.trim().toUpperCase());
  }
  return grants;
}

export function hasGrant({ grants }: Pick<ServerFacts, 'grants'>, ...names: string[]): boolean {
  return grants.has('ALL PRIVILEGES') || names.some((name) => grants.has(name));
}
