/**
 * Config → the running service: etcd client, a replicator for each sync, and the supervisor over them. It knows no
 * process and no HTTP server; `main.ts` ties those to it.
 */
import { decodeStatus, encodeStatus } from './api/published-status.ts';
import type { Config, EtcdConfig, SyncConfig } from './config/config.ts';
import type { ConfigControl } from './config/control.ts';
import { syncDigests } from './config/digest.ts';
import { isShared } from './config/key-spaces.ts';
import type { LoadResult } from './config/load.ts';
import { shortBelow, shortTokens } from './config/short-tokens.ts';
import { driverFactory } from './drivers/create.ts';
import { createEtcdClient, type EtcdClient } from './etcd/client.ts';
import { followContact } from './etcd/contact.ts';
import { createEtcdCoordination } from './etcd/coordination.ts';
import { createServerLimits, type ServerLimits } from './etcd/limits.ts';
import { createRowKeys, type RowKeys } from './etcd/records.ts';
import { Session } from './etcd/session.ts';
import { stateKeys } from './etcd/state-keys.ts';
import { Reloader, type ReloadTarget } from './reload/reloader.ts';
import { maxHeldBytes } from './replication/held-changes.ts';
import { compileTemplate, syncPrefix, type TemplateScope } from './replication/key-template.ts';
import type { Log } from './replication/log.ts';
import { Replicator } from './replication/replicator.ts';
import type { ReplicatorSettings } from './replication/replicator-options.ts';
import {
  type EtcdContact,
  Observers,
  type SupervisedSync,
  Supervisor,
} from './replication/supervisor.ts';
import { SyncBoard } from './replication/sync-board.ts';

export interface Service {
  readonly supervisor: Supervisor;
  readonly configuration: ConfigControl;
  /** Starts every sync, and what asks etcd where there is none. Once. */
  start(): void;
  /** Stops every sync, gives up what is led and closes the connections. Idempotent. */
  stop(): Promise<void>;
}

/** What there is of pino here: a host's logger may be another one. */
export interface ServiceLogger extends Log {
  level: string;
  child(bindings: { readonly sync: string }): ServiceLogger;
}

const maxBackoffMs = 60_000;

interface Shared {
  readonly logger: ServiceLogger;
  readonly client: EtcdClient;
  readonly session: Session;
  readonly limits: ServerLimits;
  readonly observers: Observers;
  readonly contact: EtcdContact;
  readonly rowKeys: RowKeys;
  /** What is in force at the moment. */
  readonly current: () => Config;
}

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: ServiceLogger;
  /** True: the level of the logger is not ours, `log_level` does not set it. */
  readonly foreignLogger?: boolean;
  /** Reads the configuration again, with every file that it names. */
  readonly reread: () => LoadResult;
}

export function createService(options: ServiceOptions): Service {
  const { config, logger, foreignLogger = false, reread } = options;
  const contact: EtcdContact = {
    everReached: false,
    reachable: false,
    message: 'etcd was not reached yet',
  };
  const client = createEtcdClient({
    ...etcdClientOptions(config.etcd),
    // A watch that waits for etcd to come back says nothing; the lease, a write or a read notices at once.
    onContact(failure) {
      contact.reachable = failure === null;
      contact.message = failure?.message ?? null;
    },
  });
  const shared: Shared = {
    logger,
    client,
    session: new Session(client),
    limits: createServerLimits(),
    observers: new Observers(),
    contact,
    rowKeys: createRowKeys(client, config.etcd.statePrefix),
    current: () => reloader.current(),
  };
  const syncs = new Map(
    config.syncs.map((sync) => [sync.name, assembleSync(sync, config, shared)]),
  );
  const { observers } = shared;
  const supervisor = new Supervisor({ syncs, observers, contact, decodeStatus });
  const { statePrefix } = config.etcd;
  const reloader = new Reloader({
    config,
    read: reread,
    target: reloadTarget(syncs, supervisor, shared),
    rowKeys: shared.rowKeys,
    prefixOf: (sync) => compileTemplate(sync.keys.template, templateScope(sync)),
    statePrefixOf: (sync) => stateKeys(statePrefix, sync).prefix,
    log: logger,
  });
  warnOfShortTokens(config, logger);
  reloader.onReload((reloaded) => {
    warnOfShortTokens(reloaded, logger);
    const { logLevel } = reloaded;
    if (foreignLogger) return;
    for (const { log } of syncs.values()) log.level = logLevel;
  });
  const end = new AbortController();
  let following: Promise<void> | null = null;
  return {
    supervisor,
    configuration: reloader,
    start() {
      supervisor.start();
      const isAsked = (): boolean => syncs.size > 0;
      following = followContact({ client, statePrefix, contact, isAsked, log: logger }, end.signal);
    },
    async stop() {
      end.abort();
      await Promise.all([reloader.close(), supervisor.stop(), following]);
      try {
        await shared.session.end();
      } catch (error) {
        logger.warn({ err: error }, 'the lease could not be given up: it expires by itself');
      }
      client.close();
    },
  };
}

function warnOfShortTokens({ api }: Config, log: Log): void {
  const tokens = shortTokens(api);
  if (tokens.length === 0) return;
  const remedy = `Give them ${shortBelow} characters or more; openssl rand -hex 32 makes a good one.`;
  log.warn({ tokens, remedy }, 'tokens of the API are short enough to be guessed');
}

/** @param syncs Those of now, by name; kept in step. */
function reloadTarget(
  syncs: Map<string, AssembledSync>,
  supervisor: Supervisor,
  shared: Shared,
): ReloadTarget {
  return {
    async remove({ name }) {
      await supervisor.remove(name);
      syncs.delete(name);
    },
    change(sync, config, ready) {
      const { board, replicator, coordination, log } = syncs.get(sync.name) as AssembledSync;
      board.driver = sync.driver;
      coordination.configure(digestOf(sync, config));
      return replicator.reconfigure(settingsOf(sync, config, shared, log), ready);
    },
    add(sync, config) {
      const added = assembleSync(sync, config, shared);
      syncs.set(sync.name, added);
      supervisor.add(sync.name, added);
    },
  };
}

export function etcdClientOptions(etcd: EtcdConfig): Parameters<typeof createEtcdClient>[0] {
  const pem = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
  return {
    endpoints: etcd.endpoints,
    user: etcd.username === '' ? null : { name: etcd.username, password: etcd.password },
    tls:
      etcd.tls === null
        ? null
        : { ca: pem(etcd.tls.ca), cert: pem(etcd.tls.cert), key: pem(etcd.tls.key) },
  };
}

interface AssembledSync extends SupervisedSync {
  readonly log: ServiceLogger;
}

function assembleSync(sync: SyncConfig, config: Config, shared: Shared): AssembledSync {
  const { observers, contact } = shared;
  const log = shared.logger.child({ sync: sync.name });
  const now = (): Date => new Date();
  const board = new SyncBoard({
    name: sync.name,
    driver: sync.driver,
    instance: config.instance,
    desired: sync.autostart ? 'running' : 'stopped',
    now,
  });
  const coordination = createEtcdCoordination({
    client: shared.client,
    session: shared.session,
    limits: shared.limits,
    statePrefix: config.etcd.statePrefix,
    sync: sync.name,
    instance: config.instance,
    digest: digestOf(sync, config),
    onPublishError: (error) => log.debug({ err: error }, 'the status could not be published'),
    now,
  });
  const replicator = new Replicator({
    ...settingsOf(sync, config, shared, log),
    name: sync.name,
    board,
    coordination,
    observer: observers,
    log,
    encodeStatus,
    onEtcdContact(error) {
      contact.everReached ||= error === null;
      contact.reachable = error === null;
      contact.message = error?.message ?? null;
    },
    random: Math.random,
  });
  return { board, replicator, coordination, log };
}

function digestOf({ name }: SyncConfig, config: Config): string {
  return syncDigests(config).get(name) ?? '';
}

function settingsOf(
  sync: SyncConfig,
  { etcd }: Config,
  shared: Shared,
  log: ServiceLogger,
): ReplicatorSettings {
  const now = (): Date => new Date();
  return {
    autostart: sync.autostart,
    createDriver: driverFactory(sync, etcd, log),
    pipeline: { ...pipelineOptions(sync, shared), now, monotonicMs: () => performance.now() },
    backoff: { initialMs: sync.database.retryPeriodMs, maxMs: maxBackoffMs },
    maxAttempts: sync.database.connectionRetries,
  };
}

function templateScope({ name, database }: SyncConfig): TemplateScope {
  return { sync: name, database: database.names[0] ?? '' };
}

function pipelineOptions(sync: SyncConfig, { current, rowKeys }: Shared) {
  const { template } = sync.keys;
  const scope = templateScope(sync);
  return {
    positionKind: sync.driver === 'mysql' ? ('mysql' as const) : ('postgres' as const),
    mapping: {
      include: sync.tables.include,
      exclude: sync.tables.exclude,
      columns_exclude: sync.columns.exclude,
      key_columns: sync.keys.columns,
      template,
      numbers: sync.values.numbers,
    },
    prefixOf: compileTemplate(template, scope),
    syncPrefix: syncPrefix(template, scope),
    // Other syncs come and go while this one runs.
    isShared: (prefix: string) => isShared(prefix, sync.name, current()),
    othersPrefixes: (signal: AbortSignal) => rowKeys.othersPrefixes(sync.name, signal),
    adopt: sync.keys.adopt,
    mayDump: sync.dump.mode === 'initial',
    heartbeatMs: sync.database.replicationStatusTimeoutMs,
    maxHeldBytes,
  };
}
