/** What a new configuration changes of the one that runs, and what of it can only change with a restart. */
import { isDeepStrictEqual } from 'node:util';
import { IsObject, type TObject } from 'typebox';
import type { Config, SyncConfig } from './config.ts';
import { isLoopback } from './loopback.ts';
import { configName } from './redact.ts';
import { syncSchema } from './schema-sync.ts';

export interface ChangedSync {
  readonly before: SyncConfig;
  readonly after: SyncConfig;
  /** Of the keys that differ, as the file names them below `syncs.<name>`; secrets too, by their names alone. */
  readonly paths: readonly string[];
}

export interface ConfigDiff {
  readonly added: readonly SyncConfig[];
  readonly removed: readonly SyncConfig[];
  readonly changed: readonly ChangedSync[];
  readonly unchanged: readonly SyncConfig[];
  /** Paths of keys that differ and stay as they are until Watcher is started again. */
  readonly restartRequired: readonly string[];
  /** The new configuration with the old values of those. */
  readonly effective: Config;
}

export function diffConfigs(running: Config, next: Config): ConfigDiff {
  const before = new Map(running.syncs.map((sync) => [sync.name, sync]));
  const names = new Set(next.syncs.map(({ name }) => name));
  const kept = next.syncs.flatMap((after) => {
    const known = before.get(after.name);
    return known === undefined ? [] : [{ before: known, after, paths: pathsOf(known, after) }];
  });
  const isSame = (pair: ChangedSync): boolean => isDeepStrictEqual(pair.before, pair.after);
  return {
    added: next.syncs.filter(({ name }) => !before.has(name)),
    removed: running.syncs.filter(({ name }) => !names.has(name)),
    changed: kept.filter((pair) => !isSame(pair)),
    unchanged: kept.filter(isSame).map(({ after }) => after),
    ...withoutRestart(running, next),
  };
}

function withoutRestart(
  running: Config,
  next: Config,
): Pick<ConfigDiff, 'restartRequired' | 'effective'> {
  const restartRequired: string[] = [];
  const keep = <T>(path: string, mustKeep: boolean, old: T, wanted: T): T => {
    if (!mustKeep || isDeepStrictEqual(old, wanted)) return wanted;
    restartRequired.push(path);
    return old;
  };
  const { api } = running;
  // What listens on more than loopback must not be without authentication, whatever the new host is.
  const needsTokens = !isLoopback(api.host) && next.api.tokens.length === 0;
  const onceTls = (api.tls === null) !== (next.api.tls === null);
  const effective: Config = {
    ...next,
    instance: keep('instance', true, running.instance, next.instance),
    api: {
      ...next.api,
      host: keep('api.host', true, api.host, next.api.host),
      port: keep('api.port', true, api.port, next.api.port),
      tokens: keep('api.tokens', needsTokens, api.tokens, next.api.tokens),
      tls: keep('api.tls', onceTls, api.tls, next.api.tls),
    },
    etcd: keep('etcd', true, running.etcd, next.etcd),
  };
  return { restartRequired, effective: Object.freeze(effective) };
}

function pathsOf(before: SyncConfig, after: SyncConfig): readonly string[] {
  return differences(syncSchema, before, after);
}

function differences(schema: TObject, before: object, after: object): string[] {
  const old = new Map<string, unknown>(Object.entries(before));
  const now = new Map<string, unknown>(Object.entries(after));
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const key = configName(name, property);
    const a = old.get(key);
    const b = now.get(key);
    if (isDeepStrictEqual(a, b)) return [];
    if (!IsObject(property)) return [name];
    return differences(property, Object(a), Object(b)).map((path) => `${name}.${path}`);
  });
}
