/** The configuration that runs, for whoever must follow it: the API, the process. */
import { WatcherError } from '../errors.ts';
import type { Config } from './config.ts';
import type { Violation } from './report.ts';

/** What a reload did, or would do. Syncs are named, in the order of the files. */
export interface ReloadReport {
  readonly dryRun: boolean;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
  /** Paths of keys that differ and stay as they are until Watcher is started again. */
  readonly restartRequired: readonly string[];
  /** Of each changed sync. */
  readonly effects: readonly SyncEffect[];
  readonly leftovers: readonly Leftover[];
}

/** What is null is looked up by a dry run only, or etcd could not be asked. */
export interface SyncEffect {
  readonly name: string;
  /** Keys of the sync that differ, as the file names them; a secret by its name alone. */
  readonly changes: readonly string[];
  /** `schema.table`: known tables that leave the sync; their keys are deleted. */
  readonly tablesRemoved: readonly string[] | null;
  /** `schema.table`: known tables that are dumped again. Tables that join are dumped too. */
  readonly tablesDumped: readonly string[] | null;
  /** At most so many keys are deleted. */
  readonly keysDeleted: number | null;
}

/** What stays behind, and how a person removes it. */
export interface Leftover {
  readonly name: string;
  /** Prefixes of the keys of its tables; null: etcd could not be asked. */
  readonly keys: readonly string[] | null;
  /** Prefix of Watcher's own keys; null: they are still in use. */
  readonly state: string | null;
  readonly publication: string | null;
  readonly slot: string | null;
  /** To be run in the database that the sync had. */
  readonly sql: readonly string[];
  /** Commands. */
  readonly etcdctl: readonly string[];
  readonly remedy: string;
}

export interface ConfigControl {
  /** What is in force; another object after a reload. */
  current(): Config;
  /**
   * Reads the file again and acts on what changed. Calls follow one another.
   * @throws ConfigInvalid; nothing has changed then.
   */
  reload(options: { readonly dryRun: boolean }): Promise<ReloadReport>;
  /** False after a reload that found the file not valid. */
  lastReloadOk(): boolean;
  /** Called after each reload, dry runs excepted, with what is in force. Must not throw. */
  onReload(listener: (config: Config) => void): void;
}

/** The file is not valid. */
export class ConfigInvalid extends WatcherError {
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    const { length } = violations;
    super('config_invalid', {
      message: `The configuration is not valid: ${length} violation${length === 1 ? '' : 's'}`,
    });
    this.violations = violations;
  }
}
