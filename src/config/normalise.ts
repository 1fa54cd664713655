/** What the reader gives → Config. */
import type { Static } from 'typebox';
import type { ApiConfig, Config, EtcdConfig, SyncConfig } from './config.ts';
import type { fileSchema } from './schema.ts';
import type { syncSchema } from './schema-sync.ts';

type FileContent = Static<typeof fileSchema>;
type SyncContent = Static<typeof syncSchema>;
export type GlobalContent = Omit<FileContent, 'syncs'>;

/** Where a sync stands in the file: `syncs.<name>`, or the top (empty) in the older form. */
export interface LocatedSync {
  readonly path: string;
  readonly sync: SyncConfig;
}

export interface Draft {
  readonly config: Config;
  readonly content: GlobalContent;
  readonly syncs: readonly LocatedSync[];
}

export function toDraft(
  content: GlobalContent,
  syncs: readonly LocatedSync[],
  hostname: string,
): Draft {
  const config: Config = {
    logLevel: content.log_level,
    instance: content.instance ?? hostname,
    api: toApi(content.api),
    etcd: toEtcd(content.etcd),
    syncs: syncs.map((located) => located.sync),
  };
  return { config, content, syncs };
}

function toApi(api: GlobalContent['api']): ApiConfig {
  return {
    host: api.host,
    port: api.port,
    tokens: api.tokens.map(({ name, token, role }) => ({ name, token, role })),
    tls: api.tls === undefined ? null : { cert: api.tls.cert, key: api.tls.key },
  };
}

function toEtcd(etcd: GlobalContent['etcd']): EtcdConfig {
  const secure =
    etcd.tls !== undefined || etcd.endpoints.some((endpoint) => endpoint.startsWith('https://'));
  const { ca = null, cert = null, key = null } = etcd.tls ?? {};
  return {
    endpoints: etcd.endpoints.map((endpoint) =>
      endpoint.replace(/^https?:\/\//, '').replace(/\/$/, ''),
    ),
    username: etcd.username,
    password: etcd.password,
    dialTimeoutMs: etcd.dial_timeout,
    tls: secure ? { ca, cert, key } : null,
    statePrefix: etcd.state_prefix,
  };
}

export interface SyncNames {
  readonly name: string;
  readonly publication: string;
  readonly slot: string;
}

/** PostgreSQL's slot names have no `-`. */
export function namesOf(name: string): SyncNames {
  const suffix = name.replaceAll('-', '_');
  return { name, publication: `watcherpub_${suffix}`, slot: `watchersub_${suffix}` };
}

export function toSync(content: SyncContent, names: SyncNames): SyncConfig {
  const driver = canonicalDriver(content.driver);
  const { database, postgres } = content;
  return {
    name: names.name,
    driver,
    autostart: content.autostart,
    database: {
      host: database.host,
      port: database.port ?? (driver === 'mysql' ? 3306 : 5432),
      names: database.name,
      user: database.user,
      password: database.password,
      tls: { mode: database.tls.mode, ca: database.tls.ca ?? null },
      retryPeriodMs: database.retry_period,
      connectionRetries: database.connection_retries,
      replicationStatusTimeoutMs: database.replication_status_timeout,
    },
    tables: {
      include: content.tables.include ?? everyTable(driver, database.name),
      exclude: content.tables.exclude,
    },
    columns: content.columns,
    keys: content.keys,
    values: content.values,
    dump: { ...content.dump, program: content.dump.program ?? null },
    postgres: {
      publication: postgres.publication ?? names.publication,
      slot: postgres.slot ?? names.slot,
      managePublication: postgres.manage_publication,
      failover: postgres.failover,
    },
    mysql: {
      serverId: content.mysql.server_id,
      charset: content.mysql.charset,
      onUnloggedCascade: content.mysql.on_unlogged_cascade,
    },
  };
}

function everyTable(driver: SyncConfig['driver'], databases: readonly string[]): string[] {
  return driver === 'mysql' ? databases.map((name) => `${name}.*`) : ['public.*'];
}

/** One word for each driver; the others are aliases. */
export function canonicalDriver(driver: SyncContent['driver']): SyncConfig['driver'] {
  return driver === 'mysql' || driver === 'mariadb' ? 'mysql' : 'pgx';
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
