/**
 * The configuration as every other part sees it: whole, normalised, deeply frozen. Names are those of the file
 * (schema.ts, where each is described) in camel case; durations are milliseconds and end in `Ms`.
 */
export interface Config {
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly instance: string;
  readonly api: ApiConfig;
  readonly etcd: EtcdConfig;
  /** In the order of the file; the names are unique. */
  readonly syncs: readonly SyncConfig[];
}

export interface ApiConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tokens: readonly TokenConfig[];
  /** PEM texts; null: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

export interface TokenConfig {
  readonly name: string;
  readonly token: string;
  readonly role: 'read' | 'admin';
}

export interface EtcdConfig {
  /** `host:port`, IPv6 addresses in brackets, no scheme: `tls` says it. */
  readonly endpoints: readonly string[];
  /** Empty: no authentication. */
  readonly username: string;
  readonly password: string;
  readonly dialTimeoutMs: number;
  /** PEM texts; null: plain text. `ca` null: the authorities of the system. */
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  } | null;
  /** Starts with `/`, does not end with one. */
  readonly statePrefix: string;
}

export interface SyncConfig {
  readonly name: string;
  readonly driver: 'pgx' | 'mysql';
  readonly autostart: boolean;
  readonly database: DatabaseConfig;
  /** Globs, see tables.ts. */
  readonly tables: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  readonly columns: { readonly exclude: readonly string[] };
  readonly keys: {
    readonly template: string;
    /** By `schema.table`. */
    readonly columns: Readonly<Record<string, readonly string[]>>;
    readonly adopt: boolean;
  };
  readonly values: { readonly numbers: 'number' | 'string' };
  readonly dump: {
    readonly mode: 'initial' | 'never';
    readonly method: 'native' | 'mysqldump';
    /** null: found on the PATH. */
    readonly program: string | null;
    readonly parallel: number;
  };
  readonly postgres: {
    readonly publication: string;
    readonly slot: string;
    readonly managePublication: boolean;
    readonly failover: boolean;
  };
  readonly mysql: {
    readonly serverId: 'auto' | number;
    readonly charset: 'utf8mb4';
    readonly onUnloggedCascade: 'refuse' | 'redump';
  };
}

export interface DatabaseConfig {
  /** A name, an IP address, or the folder of a Unix socket, which starts with `/`. */
  readonly host: string;
  readonly port: number;
  /** One; mysql: one or more. */
  readonly names: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly tls: {
    readonly mode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
    /** PEM text; null: the authorities of the system. */
    readonly ca: string | null;
  };
  readonly retryPeriodMs: number;
  /** 0: without end. */
  readonly connectionRetries: number;
  readonly replicationStatusTimeoutMs: number;
}
