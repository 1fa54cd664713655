/**
 * A reload: the file is read again, compared with what runs, and only what differs is acted upon.
 *
 *   1. a file that is not valid changes nothing
 *   2. removed syncs stop, and are waited for: an added or changed one may take over their slot or their keys
 *   3. changed syncs stop writing, and are waited for: another one may take over their tables, with the keys of these
 *   4. changed syncs go on with their new configuration, added ones start
 *   5. whoever follows the configuration is told
 */
import type { Config, SyncConfig } from '../config/config.ts';
import {
  type ConfigControl,
  ConfigInvalid,
  type Leftover,
  type ReloadReport,
  type SyncEffect,
} from '../config/control.ts';
import { type ChangedSync, type ConfigDiff, diffConfigs } from '../config/diff.ts';
import { isShared, syncShapes } from '../config/key-spaces.ts';
import type { LoadResult } from '../config/load.ts';
import { mayMeet, prefixShape } from '../config/overlap.ts';
import type { Violation } from '../config/report.ts';
import type { RowKeys } from '../etcd/records.ts';
import type { PrefixOf } from '../replication/key-template.ts';
import type { Log } from '../replication/log.ts';
import { Mutex } from '../replication/mutex.ts';
import type { TableRecords } from '../replication/sink.ts';
import { tableEffects } from './effects.ts';
import { removedLeftover, replacedLeftover } from './leftovers.ts';

/** The syncs of the process, as a reload changes them. */
export interface ReloadTarget {
  /** Resolves once it has stopped. */
  remove(sync: SyncConfig): Promise<void>;
  /**
   * @param config What is in force from now on. @param ready It goes on once this resolves.
   * @returns resolves when it writes nothing by its old configuration any more
   */
  change(sync: SyncConfig, config: Config, ready: Promise<void>): Promise<void>;
  add(sync: SyncConfig, config: Config): void;
}

export interface ReloaderOptions {
  /** What the service was made with. */
  readonly config: Config;
  /** Reads the file again, with every file that it names. */
  readonly read: () => LoadResult;
  readonly target: ReloadTarget;
  readonly rowKeys: RowKeys;
  /** Of the keys of a sync with this configuration. */
  readonly prefixOf: (sync: SyncConfig) => PrefixOf;
  /** Of Watcher's own keys of a sync. */
  readonly statePrefixOf: (sync: string) => string;
  readonly log: Log;
}

/** The reload itself does not need etcd; what it tells of the keys does not keep it waiting for long. */
const patienceMs = 5_000;
/** A dry run is asked for these numbers: a large prefix takes long to count. */
const countPatienceMs = 20_000;

export class Reloader implements ConfigControl {
  readonly #options: ReloaderOptions;
  readonly #turn = new Mutex();
  readonly #listeners: ((config: Config) => void)[] = [];
  #config: Config;
  #lastOk = true;
  #closed = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  current(): Config {
    return this.#config;
  }

  lastReloadOk(): boolean {
    return this.#lastOk;
  }

  onReload(listener: (config: Config) => void): void {
    this.#listeners.push(listener);
  }

  reload({ dryRun }: { readonly dryRun: boolean }): Promise<ReloadReport> {
    return this.#turn.run(() => (dryRun ? this.#rehearse() : this.#perform()));
  }

  /** From now on a reload changes nothing. Resolves when the one that runs has ended. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#turn.run(async () => undefined);
  }

  async #rehearse(): Promise<ReloadReport> {
    const diff = this.#compare();
    const effects = await Promise.all(
      diff.changed.map((pair) => this.#effect(pair, diff.effective)),
    );
    return report(true, diff, effects, await this.#leftovers(diff));
  }

  async #perform(): Promise<ReloadReport> {
    const { target, log } = this.#options;
    const diff = this.#compareOrLog();
    // Before the syncs stop: their records say where the keys are.
    const leftovers = await this.#leftovers(diff);
    const done = report(false, diff, diff.changed.map(unknownEffect), leftovers);
    if (this.#closed) return done;
    this.#config = diff.effective;
    await Promise.all(diff.removed.map((sync) => target.remove(sync)));
    await this.#change(diff);
    for (const sync of diff.added) target.add(sync, diff.effective);
    for (const listener of this.#listeners) listener(diff.effective);
    const { added, removed, changed, unchanged, restartRequired } = done;
    log.info(
      { added, removed, changed, unchanged, restartRequired },
      'the configuration was reloaded',
    );
    return done;
  }

  async #change({ changed, effective }: ConfigDiff): Promise<void> {
    const { target } = this.#options;
    let release = (): void => {};
    const ready = new Promise<void>((resolve) => {
      release = resolve;
    });
    try {
      await Promise.all(changed.map(({ after }) => target.change(after, effective, ready)));
    } finally {
      release();
    }
  }

  #compareOrLog(): ConfigDiff {
    try {
      const diff = this.#compare();
      this.#lastOk = true;
      return diff;
    } catch (error) {
      this.#lastOk = false;
      if (error instanceof ConfigInvalid) {
        for (const violation of error.violations) {
          this.#options.log.error({ ...violation }, 'the configuration is not valid');
        }
      }
      throw error;
    }
  }

  /** @throws ConfigInvalid. */
  #compare(): ConfigDiff {
    const result = this.#options.read();
    if ('violations' in result) throw new ConfigInvalid(result.violations);
    const violations = misplaced(result.config, this.#config);
    if (violations.length > 0) throw new ConfigInvalid(violations);
    return diffConfigs(this.#config, result.config);
  }

  async #effect(pair: ChangedSync, next: Config): Promise<SyncEffect> {
    const { rowKeys, prefixOf } = this.#options;
    const known = unknownEffect(pair);
    const records = await this.#records(pair.before.name);
    if (records === null) return known;
    const effects = tableEffects(pair, records, prefixOf(pair.after));
    const { removed: tablesRemoved, dumped: tablesDumped } = effects;
    // What is another sync's now is left to it.
    const cleared = effects.clearedPrefixes.filter(
      (prefix) => !isShared(prefix, pair.after.name, next),
    );
    const counts = await this.#orNull(countPatienceMs, (signal) =>
      Promise.all(cleared.map((prefix) => rowKeys.count(prefix, signal))),
    );
    const keysDeleted = counts === null ? null : counts.reduce((sum, count) => sum + count, 0);
    return { ...known, tablesRemoved, tablesDumped, keysDeleted };
  }

  async #leftovers(diff: ConfigDiff): Promise<readonly Leftover[]> {
    const { removed, changed, effective } = diff;
    const { statePrefixOf } = this.#options;
    const gone = await Promise.all(
      removed.map(async (sync) =>
        removedLeftover(sync, await this.#records(sync.name), statePrefixOf(sync.name), effective),
      ),
    );
    const replaced = changed.map((pair) => replacedLeftover(pair, effective));
    return [...gone, ...replaced.filter((leftover) => leftover !== null)];
  }

  #records(sync: string): Promise<TableRecords | null> {
    return this.#orNull(patienceMs, (signal) => this.#options.rowKeys.records(sync, signal));
  }

  async #orNull<T>(
    timeoutMs: number,
    look: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | null> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(new Error('no answer in time')), timeoutMs);
    try {
      return await look(over.signal);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the keys of a sync cannot be looked at in etcd');
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

function unknownEffect({ after, paths }: ChangedSync): SyncEffect {
  return {
    name: after.name,
    changes: paths,
    tablesRemoved: null,
    tablesDumped: null,
    keysDeleted: null,
  };
}

function report(
  dryRun: boolean,
  { added, removed, changed, unchanged, restartRequired }: ConfigDiff,
  effects: readonly SyncEffect[],
  leftovers: readonly Leftover[],
): ReloadReport {
  return {
    dryRun,
    added: added.map(({ name }) => name),
    removed: removed.map(({ name }) => name),
    changed: changed.map(({ after }) => after.name),
    unchanged: unchanged.map(({ name }) => name),
    restartRequired,
    effects,
    leftovers,
  };
}

/** The file was checked with its own `etcd.state_prefix`, and another one may be in use until the next start. */
function misplaced(next: Config, running: Config): Violation[] {
  const { statePrefix } = running.etcd;
  if (next.etcd.statePrefix === statePrefix) return [];
  const own = [prefixShape(statePrefix)];
  return next.syncs.flatMap((sync) => {
    if (!mayMeet(syncShapes(sync), own)) return [];
    const message = `its keys could be under the etcd.state_prefix that is in use until Watcher is started again (${statePrefix})`;
    return [{ path: `syncs.${sync.name}.keys.template`, line: null, message }];
  });
}
